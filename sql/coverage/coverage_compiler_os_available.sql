-- How many packages are available for a compiler: built with it, or without any compiler.
-- Grain: one row per tag, compiler and os; none for compiler `none`.
-- Reads: specs, snapshot_packages
create or replace view coverage_compiler_os_available as
with built as (
    select distinct
        tag,
        compiler,
        os,
        package
    from specs
),

available as (
    select
        tag,
        compiler,
        os,
        package,
        true as is_exact
    from built
    where compiler <> 'none'
    union all
    -- Packages without a compiler are usable with any.
    select
        compilers.tag,
        compilers.compiler,
        compilers.os,
        agnostic.package,
        false as is_exact
    from (select distinct tag, compiler, os from built where compiler <> 'none') as compilers
    inner join built as agnostic
        on agnostic.tag = compilers.tag
        and agnostic.os = compilers.os
    where agnostic.compiler = 'none'
        -- Parts of a compiler are of no use by themselves.
        and agnostic.package not in ('compiler-wrapper', 'gcc-runtime')
),

counts as (
    select
        tag,
        compiler,
        os,
        count(*) filter (where is_exact) as exact_package_count,
        count(*) filter (where not is_exact) as agnostic_package_count,
        count(distinct package) as available_package_count
    from available
    group by all
)

select
    counts.tag,
    counts.compiler,
    counts.os,
    counts.exact_package_count,
    counts.agnostic_package_count,
    counts.available_package_count,
    packages.expected_package_count as snapshot_package_count,
    100.0 * counts.exact_package_count / packages.expected_package_count as exact_pct,
    100.0 * counts.available_package_count / packages.expected_package_count as available_pct
from counts
inner join steps.snapshot_packages as packages on packages.tag = counts.tag;
