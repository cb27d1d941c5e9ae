-- Environments of a snapshot that a package lacks.
-- Grain: one row per tag, package, platform, os and target; environments without a spec of it.
-- Reads: cells, environments
create or replace view steps.missing_cells as
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
    from main.environments
)

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
-- Not an anti join: DuckDB would not push a filter on tag down to its other side.
left join steps.cells
    on cells.tag = packages.tag
    and cells.package = packages.package
    and cells.platform = snapshot_environments.platform
    and cells.os = snapshot_environments.os
    and cells.target = snapshot_environments.target
where cells.package is null;
