-- Which environments of a snapshot a package lacks, and which of its binaries would run there.
-- Grain: one row per tag, package, platform, os and target; environments without a spec of it.
-- Reads: cells, environments, targets
create or replace view gaps as
with packages as (
    select
        tag,
        package,
        count(*) as covered_count
    from steps.cells
    group by all
),

snapshot_environments as (
    select
        tag,
        platform,
        os,
        target,
        count(*) over (partition by tag) as environment_count
    from environments
),

missing as (
    select
        packages.tag,
        packages.package,
        snapshot_environments.platform,
        snapshot_environments.os,
        snapshot_environments.target,
        packages.covered_count,
        snapshot_environments.environment_count
    from packages
    inner join snapshot_environments on snapshot_environments.tag = packages.tag
    -- Not an anti join: a tag that is asked for would not reach its other side.
    left join steps.cells
        on cells.tag = packages.tag
        and cells.package = packages.package
        and cells.platform = snapshot_environments.platform
        and cells.os = snapshot_environments.os
        and cells.target = snapshot_environments.target
    where cells.package is null
),

hosts as (
    select distinct
        tag,
        os,
        target
    from environments
),

-- The nearest target that runs there, of the package's specs on that os, whatever the platform.
nearest as (
    select
        cells.tag,
        cells.package,
        cells.os,
        hosts.target,
        first(cells.target order by targets.distance, cells.target) as usable_target
    from steps.cells
    inner join hosts
        on hosts.tag = cells.tag
        and hosts.os = cells.os
    inner join targets
        on targets.host_target = hosts.target
        and targets.binary_target = cells.target
    group by all
)

select
    missing.tag,
    missing.package,
    missing.platform,
    missing.os,
    missing.target,
    missing.covered_count,
    missing.environment_count,
    100.0 * missing.covered_count / missing.environment_count as covered_pct,
    nearest.usable_target
from missing
left join nearest
    on nearest.tag = missing.tag
    and nearest.package = missing.package
    and nearest.os = missing.os
    and nearest.target = missing.target;
