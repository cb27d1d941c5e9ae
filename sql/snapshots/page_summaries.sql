-- The facts that each page's summary declares; what it does not declare has no row.
-- Grain: one row per tag, package and fact; a fact is a key of the page's `meta`. Items in order.
-- Reads: pages
create or replace view steps.page_summaries as
with counted as (
    select
        tag,
        package,
        'num_specs' as fact,
        [{item: null::varchar, count: declared_spec_count}] as declarations
    from main.pages
    where declared_spec_count is not null
    union all
    select
        tag,
        package,
        'num_specs_by_stack',
        list_sort(
            list_transform(
                declared_stack_counts,
                lambda counted: {item: counted.stack, count: counted.spec_count}
            )
        )
    from main.pages
    where declared_stack_counts is not null
),

listed as (
    select
        tag,
        package,
        unnest([
            {fact: 'compilers', items: declared_compilers},
            {fact: 'oss', items: declared_oss},
            {fact: 'platforms', items: declared_platforms},
            {fact: 'stacks', items: declared_stacks},
            {fact: 'targets', items: declared_targets},
            {fact: 'versions', items: declared_versions}
        ], max_depth := 2)
    from main.pages
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
    list_transform(list_sort(list_distinct(items)), lambda item: {item: item, count: 1::bigint})
from listed
where items is not null;
