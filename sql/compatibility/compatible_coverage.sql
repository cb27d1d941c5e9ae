-- How many packages a host can use: built for its exact target, for its os, or for an older libc.
-- Grain: one row per tag, os and host_target; all archspec targets of the snapshot's families.
-- Reads: snapshot_hosts, cells, numbered_cells, coverage_os_target, snapshots
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

-- Likewise, many packages have binaries for the same environments.
holdings as (
    select
        tag,
        environment_numbers,
        count(*) as package_count
    from (
        select
            tag,
            package,
            list(distinct environment_number order by environment_number) as environment_numbers
        from steps.numbered_cells
        group by all
    )
    group by all
),

reusable as (
    select
        hosts.tag,
        hosts.reusable_environments,
        sum(holdings.package_count)::bigint as package_count
    from (select distinct tag, reusable_environments from steps.snapshot_hosts) as hosts
    inner join holdings
        on holdings.tag = hosts.tag
        and list_has_any(holdings.environment_numbers, hosts.reusable_environments)
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
        and reusable.reusable_environments = snapshot_hosts.reusable_environments
)

select
    counts.tag,
    counts.os,
    counts.host_target,
    counts.exact_package_count,
    counts.compatible_package_count,
    snapshots.expected_package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / snapshots.expected_package_count as exact_pct,
    100.0 * counts.compatible_package_count / snapshots.expected_package_count as compatible_pct,
    counts.reusable_package_count,
    100.0 * counts.reusable_package_count / snapshots.expected_package_count as reusable_pct
from counts
inner join snapshots on snapshots.tag = counts.tag;
