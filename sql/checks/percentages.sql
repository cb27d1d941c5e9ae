-- A percentage lies between 0 and 100, and agrees with its numerator and denominator.
-- Reads: every view with a column that ends in _pct, except those over transitive dependencies
with shares as (
    select 'coverage_compiler_os' as view_name, package_count as n, snapshot_package_count as total,
        package_pct as pct
    from coverage_compiler_os
    where tag = $tag
    union all
    select 'coverage_compiler_target', package_count, snapshot_package_count, package_pct
    from coverage_compiler_target
    where tag = $tag
    union all
    select 'coverage_os_target', package_count, snapshot_package_count, package_pct
    from coverage_os_target
    where tag = $tag
    union all
    select 'coverage_compiler_os_target', package_count, snapshot_package_count, package_pct
    from coverage_compiler_os_target
    where tag = $tag
    union all
    select 'coverage_compiler_os_available', unnest([exact_package_count, available_package_count]),
        snapshot_package_count, unnest([exact_pct, available_pct])
    from coverage_compiler_os_available
    where tag = $tag
    union all
    select 'compatible_coverage', unnest([exact_package_count, compatible_package_count]),
        snapshot_package_count, unnest([exact_pct, compatible_pct])
    from compatible_coverage
    where tag = $tag
    union all
    select 'gaps', covered_count, environment_count, covered_pct
    from gaps
    where tag = $tag
    union all
    select 'stack_intent', present_count, root_count, present_pct
    from stack_intent
    where tag = $tag
)

select
    $tag as tag,
    view_name,
    n,
    total,
    pct
from shares
where coalesce(
    n < 0 or n > total or pct < 0 or pct > 100 or abs(pct - 100 * n / total) > 1e-9, true
)
