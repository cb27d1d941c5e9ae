-- Environments of a snapshot that a package lacks, and which of its binaries would run there.
-- Grain: one row per tag, package, platform, os and target; environments without a spec of it.
-- Reads: missing_cells, cells, environments, built_cells, runnable_systems, targets
create or replace view gaps as
with hosts as (
    select distinct
        tag,
        os,
        target
    from environments
),

-- The nearest target that runs there, among the package's specs for that os on any platform.
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
),

-- The same for all binaries that run there by Spack's rule; those of the same os come first.
reusable as (
    select
        built_cells.tag,
        built_cells.package,
        hosts.os,
        hosts.target,
        first(
            {os: built_cells.os, target: built_cells.target}
            order by
                built_cells.os <> hosts.os asc,
                targets.distance asc,
                built_cells.glibc desc nulls last,
                built_cells.os asc,
                built_cells.target asc
        ) as built
    from steps.built_cells
    inner join steps.runnable_systems
        on runnable_systems.tag = built_cells.tag
        and runnable_systems.platform = built_cells.platform
        and runnable_systems.os = built_cells.os
        and runnable_systems.glibc is not distinct from built_cells.glibc
    inner join hosts
        on hosts.tag = runnable_systems.tag
        and hosts.os = runnable_systems.host_os
    inner join targets
        on targets.host_target = hosts.target
        and targets.binary_target = built_cells.target
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
    nearest.usable_target,
    reusable.built.os as reusable_os,
    reusable.built.target as reusable_target,
    case
        when reusable.built is null then null
        when reusable.built.os = missing.os then 'same os'
        else 'older libc'
    end as os_match
from steps.missing_cells as missing
left join nearest
    on nearest.tag = missing.tag
    and nearest.package = missing.package
    and nearest.os = missing.os
    and nearest.target = missing.target
left join reusable
    on reusable.tag = missing.tag
    and reusable.package = missing.package
    and reusable.os = missing.os
    and reusable.target = missing.target;
