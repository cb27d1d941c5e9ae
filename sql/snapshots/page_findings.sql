-- The facts of each page's summary, as computed from its accepted specs.
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

-- Not `unpivot`, which clients of DuckDB 1.5.0 to 1.5.2 can't bind here.
listed as (
    select distinct
        spec_stacks.tag,
        spec_stacks.package,
        finding.fact,
        finding.item
    from main.spec_stacks
    cross join unnest([
        {fact: 'compilers', item: spec_stacks.compiler},
        {fact: 'oss', item: spec_stacks.os},
        {fact: 'platforms', item: spec_stacks.platform},
        {fact: 'stacks', item: spec_stacks.stack},
        {fact: 'targets', item: spec_stacks.target},
        {fact: 'versions', item: spec_stacks.version}
    ]) as finding (finding)
    where finding.item is not null
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
