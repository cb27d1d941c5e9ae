-- What the accepted specs of each page say of the facts that a page's summary declares.
-- Grain: one row per tag, package, fact and item.
-- Reads: spec_stacks
create or replace view steps.page_findings as
with counted as (
    select
        tag,
        package,
        'num_specs' as fact,
        null::varchar as item,
        count(distinct hash) as found
    from main.spec_stacks
    group by all
    union all
    select
        tag,
        package,
        'num_specs_by_stack',
        stack,
        count(*)
    from main.spec_stacks
    where stack is not null
    group by all
),

listed as (
    select distinct
        tag,
        package,
        fact,
        item
    from main.spec_stacks
    unpivot (
        item for fact in (
            compiler as compilers,
            os as oss,
            platform as platforms,
            stack as stacks,
            target as targets,
            version as versions
        )
    )
)

select
    tag,
    package,
    fact,
    item,
    found
from counted
union all
select
    tag,
    package,
    fact,
    item,
    1
from listed;
