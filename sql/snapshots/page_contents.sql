-- What the specs of each page have, as the page's summary lists it.
-- Grain: one row per tag and package; pages with a spec. Lists hold each name once, sorted;
-- stack_counts is a list of {stack, spec_count}, null if no spec is in a stack.
-- Reads: spec_stacks
create or replace view steps.page_contents as
with builds as (
    select distinct
        tag,
        package,
        compiler,
        os,
        platform,
        target,
        version
    from main.spec_stacks
),

build_names as (
    select
        tag,
        package,
        list_sort(list_distinct(list(compiler))) as compilers,
        list_sort(list_distinct(list(os))) as oss,
        list_sort(list_distinct(list(platform))) as platforms,
        list_sort(list_distinct(list(target))) as targets,
        list_sort(list_distinct(list(version))) as versions
    from builds
    group by all
),

specs_by_stack as (
    select
        tag,
        package,
        stack,
        count(*) as spec_count
    from main.spec_stacks
    where stack is not null
    group by all
),

stack_names as (
    select
        tag,
        package,
        list(stack order by stack) as page_stacks,
        list({stack: stack, spec_count: spec_count}) as stack_counts
    from specs_by_stack
    group by all
)

select
    build_names.tag,
    build_names.package,
    build_names.compilers,
    build_names.oss,
    build_names.platforms,
    stack_names.page_stacks,
    build_names.targets,
    build_names.versions,
    stack_names.stack_counts
from build_names
left join stack_names
    on stack_names.tag = build_names.tag
    and stack_names.package = build_names.package;
