-- Where the summary of a page differs from its entries; refused entries are in rejects.
-- Grain: one row per tag, package, fact and item; a fact is a key of the page's `meta`, and item is
-- null for num_specs. What a page does not declare is not compared.
-- Reads: pages, page_contents
create or replace view reconciliation as
with summaries as (
    select
        pages.tag,
        pages.package,
        pages.spec_count,
        pages.rejected_count,
        pages.declared_spec_count,
        pages.declared_stack_counts,
        pages.declared_compilers,
        pages.declared_oss,
        pages.declared_platforms,
        pages.declared_stacks,
        pages.declared_targets,
        pages.declared_versions,
        contents.compilers,
        contents.oss,
        contents.platforms,
        contents.page_stacks,
        contents.targets,
        contents.versions,
        contents.stack_counts
    from pages
    left join steps.page_contents as contents
        on contents.tag = pages.tag
        and contents.package = pages.package
),

listed as (
    select
        tag,
        package,
        rejected_count,
        unnest([
            {fact: 'compilers', declared: declared_compilers, found: compilers},
            {fact: 'oss', declared: declared_oss, found: oss},
            {fact: 'platforms', declared: declared_platforms, found: platforms},
            {fact: 'stacks', declared: declared_stacks, found: page_stacks},
            {fact: 'targets', declared: declared_targets, found: targets},
            {fact: 'versions', declared: declared_versions, found: versions}
        ], max_depth := 2)
    from summaries
),

unequal as (
    select
        tag,
        package,
        fact,
        rejected_count,
        declared,
        coalesce(found, []) as found
    from listed
    -- Nearly all are in order: this leaves few to compare name by name.
    where declared is not null
        and found is distinct from declared
),

stacks as (
    select
        tag,
        package,
        rejected_count,
        true as is_declared,
        unnest(declared_stack_counts, recursive := true)
    from summaries
    union all
    select
        tag,
        package,
        rejected_count,
        false,
        unnest(stack_counts, recursive := true)
    from summaries
    where declared_stack_counts is not null
),

compared_counts as (
    select
        tag,
        package,
        'num_specs' as fact,
        null as item,
        declared_spec_count as declared,
        -- A page's entries are its specs and its rejects.
        spec_count + rejected_count as found,
        0 as unknown_count
    from summaries
    union all
    select
        tag,
        package,
        'num_specs_by_stack',
        stack,
        coalesce(max(spec_count) filter (where is_declared), 0),
        coalesce(max(spec_count) filter (where not is_declared), 0),
        rejected_count
    from stacks
    group by all
),

compared_names as (
    select
        tag,
        package,
        fact,
        unnest(list_filter(list_distinct(declared), lambda name: not list_contains(found, name)))
            as item,
        1 as declared,
        0 as found,
        rejected_count as unknown_count
    from unequal
    union all
    select
        tag,
        package,
        fact,
        unnest(list_filter(found, lambda name: not list_contains(declared, name))),
        0,
        1,
        rejected_count
    from unequal
)

select
    tag,
    package,
    fact,
    item,
    declared,
    found
from (
    select * from compared_counts
    union all
    select * from compared_names
)
-- What the summary has beyond the accepted specs may be of refused ones.
where declared not between found and found + unknown_count;
