-- How many packages a host can use: built for its exact target, for its os, or for an older libc.
-- Grain: one row per tag, os and host_target; all archspec targets of the snapshot's families.
-- Reads: snapshot_hosts, cells, coverage_os_target, snapshots
create or replace view compatible_coverage as
-- Many hosts run the same set of binaries, so count each set once.
with binaries as (
    select distinct
        tag,
        os,
        binary_targets,
        unnest(binary_targets) as target
    from steps.snapshot_hosts
),

compatible as (
    select
        binaries.tag,
        binaries.os,
        binaries.binary_targets,
        count(distinct cells.package) as package_count
    from binaries
    inner join steps.cells
        on cells.tag = binaries.tag
        and cells.os = binaries.os
        and cells.target = binaries.target
    group by all
),

reusable_cells as (
    select
        tag,
        reusable_binaries,
        unnest(reusable_binaries) as built
    from (select distinct tag, reusable_binaries from steps.snapshot_hosts)
),

reusable as (
    select
        reusable_cells.tag,
        reusable_cells.reusable_binaries,
        count(distinct cells.package) as package_count
    from reusable_cells
    inner join steps.cells
        on cells.tag = reusable_cells.tag
        and cells.os = reusable_cells.built.os
        and cells.target = reusable_cells.built.target
    group by all
),

counts as (
    select
        snapshot_hosts.tag,
        snapshot_hosts.os,
        snapshot_hosts.host_target,
        coalesce(exact.package_count, 0) as exact_package_count,
        coalesce(compatible.package_count, 0) as compatible_package_count,
        coalesce(reusable.package_count, 0) as reusable_package_count
    from steps.snapshot_hosts
    left join coverage_os_target as exact
        on exact.tag = snapshot_hosts.tag
        and exact.os = snapshot_hosts.os
        and exact.target = snapshot_hosts.host_target
    left join compatible
        on compatible.tag = snapshot_hosts.tag
        and compatible.os = snapshot_hosts.os
        and compatible.binary_targets = snapshot_hosts.binary_targets
    left join reusable
        on reusable.tag = snapshot_hosts.tag
        and reusable.reusable_binaries = snapshot_hosts.reusable_binaries
)

select
    counts.tag,
    counts.os,
    counts.host_target,
    counts.exact_package_count,
    counts.compatible_package_count,
    snapshots.package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / snapshots.package_count as exact_pct,
    100.0 * counts.compatible_package_count / snapshots.package_count as compatible_pct,
    counts.reusable_package_count,
    100.0 * counts.reusable_package_count / snapshots.package_count as reusable_pct
from counts
inner join snapshots on snapshots.tag = counts.tag;
