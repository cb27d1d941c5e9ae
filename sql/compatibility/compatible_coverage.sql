-- How many packages a host can use: built for its exact target, for its os, or for an older libc.
-- Grain: one row per tag, os and host_target; the snapshot's operating systems and others known to
-- run one of its binaries, with all archspec targets of the snapshot's families.
-- Reads: snapshot_hosts, numbered_cells, coverage_os_target, snapshot_packages
create or replace view compatible_coverage as
-- Many packages have binaries for the same environments, and many hosts run those of the same.
with holdings as (
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

distinct_lists as (
    select distinct
        tag,
        unnest([compatible_environments, reusable_environments]) as environments
    from steps.snapshot_hosts
),

list_counts as (
    select
        distinct_lists.tag,
        distinct_lists.environments,
        sum(holdings.package_count)::bigint as package_count
    from distinct_lists
    inner join holdings
        on holdings.tag = distinct_lists.tag
        and list_has_any(holdings.environment_numbers, distinct_lists.environments)
    group by all
),

-- Joined once: what is joined twice would be counted of every tag where one is asked for.
host_lists as (
    select
        tag,
        os,
        host_target,
        unnest(
            [
                {is_reusable: false, environments: compatible_environments},
                {is_reusable: true, environments: reusable_environments}
            ],
            recursive := true
        )
    from steps.snapshot_hosts
),

usable as (
    select
        host_lists.tag,
        host_lists.os,
        host_lists.host_target,
        max(list_counts.package_count) filter (where not host_lists.is_reusable)
            as compatible_package_count,
        max(list_counts.package_count) filter (where host_lists.is_reusable)
            as reusable_package_count
    from host_lists
    left join list_counts
        on list_counts.tag = host_lists.tag
        and list_counts.environments = host_lists.environments
    group by all
),

counts as (
    select
        usable.tag,
        usable.os,
        usable.host_target,
        coalesce(exact.package_count, 0) as exact_package_count,
        coalesce(usable.compatible_package_count, 0) as compatible_package_count,
        coalesce(usable.reusable_package_count, 0) as reusable_package_count
    from usable
    left join coverage_os_target as exact
        on exact.tag = usable.tag
        and exact.os = usable.os
        and exact.target = usable.host_target
)

select
    counts.tag,
    counts.os,
    counts.host_target,
    counts.exact_package_count,
    counts.compatible_package_count,
    packages.expected_package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / packages.expected_package_count as exact_pct,
    100.0 * counts.compatible_package_count / packages.expected_package_count as compatible_pct,
    counts.reusable_package_count,
    100.0 * counts.reusable_package_count / packages.expected_package_count as reusable_pct
from counts
inner join steps.snapshot_packages as packages on packages.tag = counts.tag;
