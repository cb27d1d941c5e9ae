-- The gaps of a snapshot, with whether the package can be meant for that environment at all.
-- Grain: one row per tag, package, platform, os and target.
-- Reads: missing_cells, package_platforms, targets
create or replace view steps.meant_gaps as
select
    gaps.tag,
    gaps.package,
    gaps.platform,
    gaps.os,
    gaps.target,
    gaps.covered_count,
    gaps.environment_count,
    -- A recipe that knows one platform, as far as the snapshots show.
    (
        len(package_platforms.platforms) > 1
        or list_contains(package_platforms.platforms, gaps.platform)
    )
    -- A runtime goes with its compiler, which need not be there for every family.
    and (
        gaps.package not in ('gcc-runtime', 'intel-oneapi-runtime')
        or targets.family is null
        or list_contains(package_platforms.families, targets.family)
    ) as is_meant
from steps.missing_cells as gaps
inner join steps.package_platforms on package_platforms.package = gaps.package
left join main.targets
    on targets.host_target = gaps.target
    and targets.binary_target = gaps.target;
