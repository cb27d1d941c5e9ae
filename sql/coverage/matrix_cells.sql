-- Matrices of any two of compiler, os and target: packages built for each cell, and usable in it.
-- Grain: one row per tag, compiler, os and target; null means all, and at least one is null.
-- Compatible packages run there on the same os, reusable ones by Spack's rule for the C library.
-- Packages built without a compiler count as both for every compiler used on the os.
-- Reads: numbered_cells, runnable_environments, snapshot_packages
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
        environment_bit,
        false as is_agnostic
    from steps.numbered_cells
    union all
    select
        compilers.tag,
        compilers.compiler,
        built.package,
        built.environment_bit,
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
        bit_or(environment_bit) filter (where not is_agnostic) as environments,
        bit_or(environment_bit) filter (where is_agnostic) as agnostic_environments
    from found
    group by grouping sets ((tag, package), (tag, compiler, package))
),

-- Many packages are built for the same environments: compute once whether those run in a cell.
holdings as (
    select
        tag,
        compiler,
        environments,
        agnostic_environments,
        count(*) as package_count
    from packages
    group by all
),

places as (
    select
        tag,
        os,
        target,
        bit_or(environment_bit) filter (where os_match = 'exact') as exact,
        bit_or(environment_bit) filter (where os_match <> 'older libc') as compatible,
        bit_or(environment_bit) as reusable
    from steps.runnable_environments
    group by grouping sets ((tag), (tag, os), (tag, target), (tag, os, target))
),

agnostic_places as (
    select
        runnable.tag,
        compilers.compiler,
        runnable.os,
        runnable.target,
        bit_or(runnable.environment_bit) filter (where runnable.os_match <> 'older libc')
            as compatible,
        bit_or(runnable.environment_bit) as reusable
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
                filter (where bit_count(holdings.environments & places.exact) > 0),
            0
        )::bigint as exact_package_count,
        coalesce(
            sum(holdings.package_count) filter (
                where bit_count(holdings.environments & places.compatible) > 0
                    or bit_count(holdings.agnostic_environments & agnostic_places.compatible) > 0
            ),
            0
        )::bigint as compatible_package_count,
        sum(holdings.package_count) filter (
            where bit_count(holdings.environments & places.reusable) > 0
                or bit_count(holdings.agnostic_environments & agnostic_places.reusable) > 0
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
    totals.expected_package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / totals.expected_package_count as exact_pct,
    100.0 * counts.compatible_package_count / totals.expected_package_count as compatible_pct,
    counts.reusable_package_count,
    100.0 * counts.reusable_package_count / totals.expected_package_count as reusable_pct
from counts
inner join steps.snapshot_packages as totals on totals.tag = counts.tag
where counts.reusable_package_count > 0;
