-- The cells of a snapshot's matrix add up to its specs, each counted once.
-- Reads: snapshots, spec_stacks, and every view whose cells partition a snapshot's specs
with sums as (
    select 'cells' as view_name, sum(spec_count) as spec_count from steps.cells where tag = $tag
    union all
    select 'environments', sum(spec_count) from environments where tag = $tag
    union all
    select 'package_coverage', sum(spec_count) from package_coverage where tag = $tag
    union all
    select 'coverage_compiler_os', sum(spec_count) from coverage_compiler_os where tag = $tag
    union all
    select 'coverage_compiler_target', sum(spec_count)
    from coverage_compiler_target
    where tag = $tag
    union all
    select 'coverage_os_target', sum(spec_count) from coverage_os_target where tag = $tag
    union all
    select 'coverage_compiler_os_target', sum(spec_count)
    from coverage_compiler_os_target
    where tag = $tag
)

select
    $tag as tag,
    sums.view_name,
    coalesce(sums.spec_count, 0) as spec_count,
    snapshots.spec_count as snapshot_spec_count
from sums
cross join snapshots
where snapshots.tag = $tag
    -- A snapshot without an accepted spec has no cells.
    and coalesce(sums.spec_count, 0) <> snapshots.spec_count
union all
select
    $tag,
    'stack_coverage',
    (select coalesce(sum(spec_count), 0) from stack_coverage where tag = $tag),
    count(*) filter (where stack <> 'root')
from spec_stacks
where tag = $tag
having (select coalesce(sum(spec_count), 0) from stack_coverage where tag = $tag)
    <> count(*) filter (where stack <> 'root')
