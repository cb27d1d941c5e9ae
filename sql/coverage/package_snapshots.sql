-- Each package in each snapshot: its newest version, and its environments, stacks and specs.
-- Grain: one row per tag and package.
-- Reads: newest_versions, cells, stack_specs
create or replace view package_snapshots as
with package_stacks as (
    select
        tag,
        package,
        list(stack order by stack) as stacks
    from (select distinct tag, package, stack from steps.stack_specs)
    group by all
),

packages as (
    select
        cells.tag,
        cells.package,
        any_value(newest_versions.newest_version) as newest_version,
        count(*) as covered_count,
        count(*) filter (where newest_versions.is_lagging) as lagging_count,
        sum(cells.spec_count)::bigint as spec_count
    from steps.cells
    inner join newest_versions
        on newest_versions.tag = cells.tag
        and newest_versions.package = cells.package
        and newest_versions.platform = cells.platform
        and newest_versions.os = cells.os
        and newest_versions.target = cells.target
    group by all
)

select
    packages.tag,
    packages.package,
    packages.newest_version,
    packages.covered_count,
    packages.lagging_count,
    coalesce(package_stacks.stacks, []) as stacks,
    packages.spec_count
from packages
left join package_stacks
    on package_stacks.tag = packages.tag
    and package_stacks.package = packages.package;
