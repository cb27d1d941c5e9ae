-- The facts of each page's summary, as computed from its accepted specs.
-- Grain: one row per tag, package and fact; pages with a spec. Items are ordered.
-- Reads: spec_stacks
create or replace view steps.page_findings as
with stack_counts as (
    select
        tag,
        package,
        stack,
        count(*) as spec_count
    from main.spec_stacks
    where stack is not null
    group by all
),

counted as (
    select
        tag,
        package,
        'num_specs' as fact,
        [{item: null::varchar, count: count(distinct hash)}] as findings
    from main.spec_stacks
    group by all
    union all
    select
        tag,
        package,
        'num_specs_by_stack',
        list_sort(list({item: stack, count: spec_count}))
    from stack_counts
    group by all
),

per_page as (
    select
        tag,
        package,
        list(distinct compiler) as compilers,
        list(distinct os) as oss,
        list(distinct platform) as platforms,
        list(distinct stack) filter (where stack is not null) as stacks,
        list(distinct target) as targets,
        list(distinct version) as versions
    from main.spec_stacks
    group by all
),

listed as (
    select
        tag,
        package,
        unnest([
            {fact: 'compilers', items: compilers},
            {fact: 'oss', items: oss},
            {fact: 'platforms', items: platforms},
            {fact: 'stacks', items: stacks},
            {fact: 'targets', items: targets},
            {fact: 'versions', items: versions}
        ], max_depth := 2)
    from per_page
)

select
    tag,
    package,
    fact,
    findings
from counted
union all
select
    tag,
    package,
    fact,
    list_transform(list_sort(items), lambda item: {item: item, count: 1::bigint})
from listed
where items is not null;
