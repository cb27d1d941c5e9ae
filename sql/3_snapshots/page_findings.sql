-- What the accepted specs of each page say of the facts that a page's summary declares.
-- Grain: one row per tag, package, fact and item.
-- Reads: spec_stacks
create or replace view page_findings as
select distinct
    tag,
    package,
    fact,
    item,
    1::bigint as found
from spec_stacks
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
union all
select
    tag,
    package,
    'num_specs_by_stack',
    stack,
    count(*)
from spec_stacks
where stack is not null
group by all
union all
select
    tag,
    package,
    'num_specs',
    null,
    count(distinct hash)
from spec_stacks
group by all;
