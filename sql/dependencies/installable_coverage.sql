-- How many packages each os covers for each target with specs that can be installed as they are.
-- Grain: one row per tag, os and target; a spec counts if one mirror holds it and all that it
-- needs. A snapshot read from pages, which tell no dependency, has no row.
-- Reads: dependencies, spec_stacks, closure_holes, snapshots
create or replace view installable_coverage as
with counts as (
    select
        spec_stacks.tag,
        spec_stacks.os,
        spec_stacks.target,
        count(distinct spec_stacks.package) as package_count,
        count(distinct spec_stacks.hash) as spec_count
    from spec_stacks
    semi join dependencies on dependencies.tag = spec_stacks.tag
    anti join closure_holes
        on closure_holes.tag = spec_stacks.tag
        and closure_holes.hash = spec_stacks.hash
        and closure_holes.stack is not distinct from spec_stacks.stack
    group by all
)

select
    counts.tag,
    counts.os,
    counts.target,
    counts.package_count,
    snapshots.package_count as snapshot_package_count,
    100.0 * counts.package_count / snapshots.package_count as package_pct,
    counts.spec_count
from counts
inner join snapshots on snapshots.tag = counts.tag;
