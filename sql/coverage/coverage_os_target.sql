-- How many packages each operating system covers for each target.
-- Grain: one row per tag, os and target.
-- Reads: specs, snapshot_packages
create or replace view coverage_os_target as
with counts as (
    select
        tag,
        os,
        target,
        count(distinct package) as package_count,
        count(*) as spec_count
    from specs
    group by all
)

select
    counts.tag,
    counts.os,
    counts.target,
    counts.package_count,
    packages.expected_package_count as snapshot_package_count,
    100.0 * counts.package_count / packages.expected_package_count as package_pct,
    counts.spec_count
from counts
inner join steps.snapshot_packages as packages on packages.tag = counts.tag;
