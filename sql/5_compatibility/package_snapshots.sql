-- What each snapshot has of each package: its newest version, environments and specs.
-- Grain: one row per tag and package.
-- Reads: newest_versions, cells
create or replace view package_snapshots as
select
    cells.tag,
    cells.package,
    any_value(newest_versions.newest_version) as newest_version,
    count(*) as covered_count,
    count(*) filter (where newest_versions.is_lagging) as lagging_count,
    sum(cells.spec_count)::bigint as spec_count
from cells
inner join newest_versions
    on newest_versions.tag = cells.tag
    and newest_versions.package = cells.package
    and newest_versions.platform = cells.platform
    and newest_versions.os = cells.os
    and newest_versions.target = cells.target
group by all;
