-- How many packages each snapshot seems to lack only because a page or an index was refused.
-- Grain: one row per tag; snapshots that have such packages.
-- Reads: refused_sources, snapshot_tags, spec_stacks
create or replace view steps.snapshot_unreadables as
with expected as (
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
)

select
    expected.tag,
    count(*) as unreadable_package_count
from expected
-- Not an anti join: DuckDB would not push a filter on tag down to its other side.
left join (select distinct tag, package from main.spec_stacks) as taken
    on taken.tag = expected.tag
    and taken.package = expected.package
where taken.package is null
group by all;
