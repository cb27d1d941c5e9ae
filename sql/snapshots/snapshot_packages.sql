-- How many packages each snapshot has, and how many only seem missing: their pages were refused.
-- Grain: one row per tag; snapshots that have packages of either kind.
-- Reads: refused_sources, snapshot_tags, spec_stacks
create or replace view steps.snapshot_packages as
with unreadable as (
    select
        tag,
        unnest(packages) as package
    from steps.refused_sources
    union
    -- The contents of an index are unknown; the best guess is those of the previous snapshot.
    select
        snapshot_tags.tag,
        earlier.package
    from steps.refused_sources
    inner join steps.snapshot_tags on snapshot_tags.tag = refused_sources.tag
    inner join main.spec_stacks as earlier on earlier.tag = snapshot_tags.previous_tag
    where refused_sources.has_index
),

packages as (
    select
        tag,
        package,
        bool_or(has_spec) as has_spec
    from (
        select
            tag,
            package,
            true as has_spec
        from main.spec_stacks
        union all
        select
            tag,
            package,
            false
        from unreadable
    )
    group by all
)

select
    tag,
    count(*) filter (where has_spec) as package_count,
    count(*) filter (where not has_spec) as unreadable_package_count,
    count(*) as expected_package_count
from packages
group by all;
