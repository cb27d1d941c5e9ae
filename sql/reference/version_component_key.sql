-- Sort key of one component of a version: words, then numbers, then `develop` and the like.
-- Grain: one text per component; plain text order is Spack's order of components.
-- Reads: nothing; the rule is in Spack's packaging guide, under "Version comparison".
create or replace macro steps.version_component_key(component) as
    case
        when component in ('stable', 'nightly', 'trunk', 'head', 'master', 'main', 'develop')
            then '2' || list_position(
                ['stable', 'nightly', 'trunk', 'head', 'master', 'main', 'develop'], component
            )
        -- The number of digits comes first, so that 9 sorts below 10; nine places hold any page's.
        when regexp_matches(component, '^[0-9]')
            then '1'
                || lpad(length(ltrim(component, '0'))::varchar, 9, '0')
                || ltrim(component, '0')
        else '0' || component
    end;
