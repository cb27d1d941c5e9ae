-- Matrices of any two of compiler, os and target: packages built for each cell, and usable in it.
-- Grain: one row per tag, compiler, os and target; null means all, and at least one is null.
-- Reads: usable_cells, snapshots
create or replace view matrix_cells as
with found as (
    select
        tag,
        compiler,
        os,
        target,
        package,
        bool_or(is_exact) as is_exact
    from steps.usable_cells
    group by grouping sets (
        (tag, package),
        (tag, compiler, package),
        (tag, os, package),
        (tag, target, package),
        (tag, compiler, os, package),
        (tag, compiler, target, package),
        (tag, os, target, package)
    )
),

counts as (
    select
        tag,
        compiler,
        os,
        target,
        count(*) filter (where is_exact) as exact_package_count,
        count(*) as compatible_package_count
    from found
    group by all
)

select
    counts.tag,
    counts.compiler,
    counts.os,
    counts.target,
    counts.exact_package_count,
    counts.compatible_package_count,
    snapshots.package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / snapshots.package_count as exact_pct,
    100.0 * counts.compatible_package_count / snapshots.package_count as compatible_pct
from counts
inner join snapshots on snapshots.tag = counts.tag;
