-- Sort key of a version: plain text order of the keys is Spack's order of versions.
-- Grain: one text per version; `1.01` and `1.1` are one version to Spack and have one key.
-- Reads: version_component_key; the rules are Spack's, in lib/spack/spack/version.
create or replace macro version_key(version) as
    case
        -- A git reference without a version sorts after every version.
        when regexp_matches(version, '^(git[.][^=]*|[0-9a-f]{40})$') then '~' || version
        -- A list of one element, transformed, so that the parts are computed once and have a name.
        else list_transform(
            [
                regexp_extract(
                    version,
                    '^(?:([^=]+)=)?'
                    '(?:(.*[0-9][_.-]*|.*[a-zA-Z][_.-]+)(alpha|beta|rc|final)[_.-]*([0-9]*)[_.-]*'
                    '|(.*))$',
                    ['git_reference', 'release', 'phase', 'phase_number', 'whole']
                )
            ],
            lambda part: concat(
                array_to_string(
                    list_transform(
                        regexp_extract_all(part.release || part.whole, '[0-9]+|[a-zA-Z]+'),
                        lambda component: steps.version_component_key(component)
                    ),
                    '.'
                ),
                -- A space sorts below the dot: what follows matters only between equal releases.
                case part.phase
                    when 'alpha' then ' 0'
                    when 'beta' then ' 1'
                    when 'rc' then ' 2'
                    else ' 3'
                end,
                case
                    when part.phase_number <> ''
                        then '.' || steps.version_component_key(part.phase_number)
                end,
                case when part.git_reference <> '' then ' ' || part.git_reference end
            )
        )[1]
    end;
