-- The facts that each page's summary declares; what it does not declare has no row.
-- Grain: one row per tag, package and fact; a fact is a key of the page's `meta`.
-- Reads: pages
create or replace view steps.page_summaries as
with counted as (
    select
        tag,
        package,
        'num_specs' as fact,
        [{item: null::varchar, declared: declared_spec_count}] as declarations
    from main.pages
    where declared_spec_count is not null
    union all
    select
        tag,
        package,
        'num_specs_by_stack',
        list_transform(
            declared_stack_counts,
            lambda counted: {item: counted.stack, declared: counted.spec_count}
        )
    from main.pages
    where declared_stack_counts is not null
),

-- Not `unpivot`, which clients of DuckDB 1.5.0 to 1.5.2 can't bind here.
listed as (
    select
        pages.tag,
        pages.package,
        summary.fact,
        summary.items
    from main.pages
    cross join unnest([
        {fact: 'compilers', items: pages.declared_compilers},
        {fact: 'oss', items: pages.declared_oss},
        {fact: 'platforms', items: pages.declared_platforms},
        {fact: 'stacks', items: pages.declared_stacks},
        {fact: 'targets', items: pages.declared_targets},
        {fact: 'versions', items: pages.declared_versions}
    ]) as summary (summary)
    where summary.items is not null
)

select
    tag,
    package,
    fact,
    declarations
from counted
union all
select
    tag,
    package,
    fact,
    list_transform(
        list_sort(list_distinct(items)), lambda item: {item: item, declared: 1::bigint}
    )
from listed;
