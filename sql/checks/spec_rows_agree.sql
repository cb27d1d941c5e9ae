-- The rows of a spec differ only in the stack, and no required column is null.
-- Reads: spec_stacks
with numbered as (
    select
        tag,
        package,
        hash,
        -- Comparing one hash is much faster than comparing many strings.
        hash(page, version, compiler, platform, os, target) as number
    from spec_stacks
)

select
    tag,
    package,
    hash,
    'rows that differ' as finding
from numbered
group by all
having min(number) <> max(number)
union all
select
    tag,
    package,
    hash,
    'a null'
from spec_stacks
where tag is null
    or package is null
    or hash is null
    or version is null
    or compiler is null
    or compiler_name is null
    or os is null
    or platform is null
    or target is null
    or variants is null
    or page is null
