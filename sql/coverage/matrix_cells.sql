-- Matrices of any two of compiler, os and target: packages built for each cell, and usable in it.
-- Grain: one row per tag, compiler, os and target; null means all, and at least one is null.
-- Compatible packages run there on the same os, reusable ones by Spack's rule for the C library.
-- Packages built without a compiler count as both for every compiler used on the os.
-- Reads: numbered_cells, runnable_environments, snapshots
create or replace view matrix_cells as
with compilers as (
    select
        tag,
        compiler,
        list_distinct(list(os)) as systems
    from steps.numbered_cells
    where compiler <> 'none'
    group by all
),

found as (
    select
        tag,
        compiler,
        package,
        environment_number,
        false as is_agnostic
    from steps.numbered_cells
    union all
    select
        compilers.tag,
        compilers.compiler,
        built.package,
        built.environment_number,
        true
    from compilers
    inner join steps.numbered_cells as built on built.tag = compilers.tag
    where built.compiler = 'none'
        -- Parts of a compiler are of no use by themselves.
        and built.package not in ('compiler-wrapper', 'gcc-runtime')
),

packages as (
    select
        tag,
        compiler,
        package,
        -- By functions: DuckDB needs long to plan distinct aggregates of grouping sets.
        list_sort(list_distinct(list(environment_number) filter (where not is_agnostic)))
            as numbers,
        list_sort(list_distinct(list(environment_number) filter (where is_agnostic)))
            as agnostic_numbers
    from found
    group by grouping sets ((tag, package), (tag, compiler, package))
),

-- Many packages are built for the same environments: compute once whether those run in a cell.
holdings as (
    select
        tag,
        compiler,
        numbers,
        agnostic_numbers,
        count(*) as package_count
    from packages
    group by all
),

places as (
    select
        tag,
        os,
        target,
        list_distinct(list(environment_number) filter (where os_match = 'exact')) as exact_numbers,
        list_distinct(list(environment_number) filter (where os_match <> 'older libc'))
            as compatible_numbers,
        list_distinct(list(environment_number)) as reusable_numbers
    from steps.runnable_environments
    group by grouping sets ((tag), (tag, os), (tag, target), (tag, os, target))
),

agnostic_places as (
    select
        runnable.tag,
        compilers.compiler,
        runnable.os,
        runnable.target,
        list_distinct(
            list(runnable.environment_number) filter (where runnable.os_match <> 'older libc')
        ) as compatible_numbers,
        list_distinct(list(runnable.environment_number)) as reusable_numbers
    from compilers
    inner join steps.runnable_environments as runnable
        on runnable.tag = compilers.tag
        and list_contains(compilers.systems, runnable.os)
    group by grouping sets (
        (runnable.tag, compilers.compiler),
        (runnable.tag, compilers.compiler, runnable.os),
        (runnable.tag, compilers.compiler, runnable.target)
    )
),

counts as (
    select
        holdings.tag,
        holdings.compiler,
        places.os,
        places.target,
        coalesce(
            sum(holdings.package_count)
                filter (where list_has_any(holdings.numbers, places.exact_numbers)),
            0
        )::bigint as exact_package_count,
        coalesce(
            sum(holdings.package_count) filter (
                where list_has_any(holdings.numbers, places.compatible_numbers)
                    or list_has_any(holdings.agnostic_numbers, agnostic_places.compatible_numbers)
            ),
            0
        )::bigint as compatible_package_count,
        sum(holdings.package_count) filter (
            where list_has_any(holdings.numbers, places.reusable_numbers)
                or list_has_any(holdings.agnostic_numbers, agnostic_places.reusable_numbers)
        )::bigint as reusable_package_count
    from holdings
    inner join places
        on places.tag = holdings.tag
        and (holdings.compiler is null or places.os is null or places.target is null)
    left join agnostic_places
        on agnostic_places.tag = holdings.tag
        and agnostic_places.compiler = holdings.compiler
        and agnostic_places.os is not distinct from places.os
        and agnostic_places.target is not distinct from places.target
    group by all
)

select
    counts.tag,
    counts.compiler,
    counts.os,
    counts.target,
    counts.exact_package_count,
    counts.compatible_package_count,
    snapshots.expected_package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / snapshots.expected_package_count as exact_pct,
    100.0 * counts.compatible_package_count / snapshots.expected_package_count as compatible_pct,
    counts.reusable_package_count,
    100.0 * counts.reusable_package_count / snapshots.expected_package_count as reusable_pct
from counts
inner join snapshots on snapshots.tag = counts.tag
where counts.reusable_package_count > 0;
