-- How many packages each os and target has with specs that install without building anything.
-- Grain: one row per tag, os and target; a spec counts if one mirror holds it and all its link and
-- run dependencies. A spec known from a page only, so without dependencies, is in
-- `unknown_spec_count`. A snapshot read from pages alone has no rows.
-- Reads: dependencies, specs, spec_stacks, closure_holes, snapshots
create or replace view installable_coverage as
with known as (
    -- An index gives each spec's namespace or its dependencies; a page gives neither.
    select tag, hash from specs where namespace is not null
    union
    select tag, hash from dependencies
),

unknown as (
    select
        specs.tag,
        specs.os,
        specs.target,
        count(*) as unknown_spec_count
    from specs
    semi join dependencies on dependencies.tag = specs.tag
    anti join known
        on known.tag = specs.tag
        and known.hash = specs.hash
    group by all
),

counts as (
    select
        spec_stacks.tag,
        spec_stacks.os,
        spec_stacks.target,
        count(distinct spec_stacks.package) as package_count,
        count(distinct spec_stacks.hash) as spec_count
    from spec_stacks
    semi join known
        on known.tag = spec_stacks.tag
        and known.hash = spec_stacks.hash
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
    snapshots.expected_package_count as snapshot_package_count,
    100.0 * counts.package_count / snapshots.expected_package_count as package_pct,
    counts.spec_count,
    coalesce(unknown.unknown_spec_count, 0) as unknown_spec_count
from counts
inner join snapshots on snapshots.tag = counts.tag
left join unknown
    on unknown.tag = counts.tag
    and unknown.os = counts.os
    and unknown.target = counts.target;
