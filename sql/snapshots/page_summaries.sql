-- What the summary of each page declares; what it does not declare has no row.
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

listed as (
    select
        tag,
        package,
        fact,
        items
    from main.pages
    unpivot (
        items for fact in (
            declared_compilers as compilers,
            declared_oss as oss,
            declared_platforms as platforms,
            declared_stacks as stacks,
            declared_targets as targets,
            declared_versions as versions
        )
    )
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
