-- Which cells changed between the two snapshots of each pair, and why.
-- Grain: one row per tag, previous_tag, package, platform, os and target;
-- changed cells only. pairs is a list of {tag, previous_tag}.
-- Reads: cell_presence, changed_stacks, unreadable_packages
create or replace macro steps.cell_changes(pairs) as table
select
    tag,
    previous_tag,
    package,
    platform,
    os,
    target,
    change,
    -- The first cause that holds; the last one always does.
    case change
        when 'lost'
            then case
                when is_unreadable then 'unreadable'
                when package_spec_count = 0 then 'package dropped'
                when environment_spec_count = 0 then 'environment dropped'
                when has_stack and not has_lasting_stack then 'stack dropped'
                else 'cell dropped'
            end
        when 'gained'
            then case
                when was_unreadable then 'unreadable'
                when previous_package_spec_count = 0 then 'package added'
                when previous_environment_spec_count = 0 then 'environment added'
                when has_stack and not has_lasting_stack then 'stack added'
                else 'cell added'
            end
    end as cause,
    previous_spec_count,
    spec_count,
    coalesce(changed_stacks, []) as changed_stacks
from (
    select
        presence.tag,
        presence.previous_tag,
        presence.package,
        presence.platform,
        presence.os,
        presence.target,
        case
            when previous_spec_count = 0 then 'gained'
            when spec_count = 0 then 'lost'
            when has_same_versions
                then case when not has_common_hash then 'rebuilt' end
            when version_key > previous_version_key then 'upgraded'
            when version_key < previous_version_key then 'downgraded'
            else 'versions changed'
        end as change,
        previous_spec_count,
        spec_count,
        unreadable.package is not null as is_unreadable,
        was_unreadable.package is not null as was_unreadable,
        has_stack,
        has_lasting_stack,
        changed.changed_stacks,
        max(previous_spec_count) over package_cells as previous_package_spec_count,
        max(spec_count) over package_cells as package_spec_count,
        max(previous_spec_count) over environment_cells as previous_environment_spec_count,
        max(spec_count) over environment_cells as environment_spec_count
    from steps.cell_presence(pairs) as presence
    left join steps.changed_stacks(pairs) as changed
        on changed.tag = presence.tag
        and changed.previous_tag = presence.previous_tag
        and changed.package = presence.package
        and changed.platform = presence.platform
        and changed.os = presence.os
        and changed.target = presence.target
    left join steps.unreadable_packages as unreadable
        on unreadable.tag = presence.tag
        and unreadable.package = presence.package
    left join steps.unreadable_packages as was_unreadable
        on was_unreadable.tag = presence.previous_tag
        and was_unreadable.package = presence.package
    window
        package_cells as (
            partition by presence.tag, presence.previous_tag, presence.package
        ),
        environment_cells as (
            partition by
                presence.tag,
                presence.previous_tag,
                presence.platform,
                presence.os,
                presence.target
        )
)
where change is not null;
