-- Which cells changed between the two snapshots of each pair, and why.
-- Grain: one row per tag, previous_tag, package, platform, os and target;
-- those that changed. pairs is a list of {tag, previous_tag}.
-- Reads: cell_presence
create or replace macro steps.cell_changes(pairs) as table
select
    tag,
    previous_tag,
    package,
    platform,
    os,
    target,
    change,
    -- The first of its possible causes; the last of them needs no proof.
    case change
        when 'lost'
            then case
                when package_spec_count = 0 then 'package dropped'
                when environment_spec_count = 0 then 'environment dropped'
                when has_stack and not has_lasting_stack then 'stack dropped'
                else 'cell dropped'
            end
        when 'gained'
            then case
                when previous_package_spec_count = 0 then 'package added'
                when previous_environment_spec_count = 0 then 'environment added'
                when has_stack and not has_lasting_stack then 'stack added'
                else 'cell added'
            end
    end as cause,
    previous_spec_count,
    spec_count
from (
    select
        tag,
        previous_tag,
        package,
        platform,
        os,
        target,
        case
            when previous_spec_count = 0 then 'gained'
            when spec_count = 0 then 'lost'
            when not has_same_versions then 'upgraded'
            when not has_common_hash then 'rebuilt'
        end as change,
        previous_spec_count,
        spec_count,
        has_stack,
        has_lasting_stack,
        max(previous_spec_count) over package_cells as previous_package_spec_count,
        max(spec_count) over package_cells as package_spec_count,
        max(previous_spec_count) over environment_cells as previous_environment_spec_count,
        max(spec_count) over environment_cells as environment_spec_count
    from steps.cell_presence(pairs)
    window
        package_cells as (partition by tag, previous_tag, package),
        environment_cells as (partition by tag, previous_tag, platform, os, target)
)
where change is not null;
