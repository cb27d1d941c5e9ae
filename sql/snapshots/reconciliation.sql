-- Where the summary of a page and its accepted specs differ.
-- Grain: one row per tag, package, fact and item; item is null for num_specs.
-- Reads: page_summaries, page_findings
create or replace view reconciliation as
with declared as (
    select
        tag,
        package,
        fact,
        unnest(declarations, recursive := true)
    from steps.page_summaries
),

compared as (
    select
        tag,
        package,
        fact,
        item,
        declared,
        null as found
    from declared
    union all
    select
        tag,
        package,
        fact,
        item,
        null as declared,
        found
    from steps.page_findings
),

differences as (
    select
        tag,
        package,
        fact,
        item,
        coalesce(max(declared), 0) as declared,
        coalesce(max(found), 0) as found
    from compared
    group by all
    having coalesce(max(declared), 0) <> coalesce(max(found), 0)
)

select
    differences.tag,
    differences.package,
    differences.fact,
    differences.item,
    differences.declared,
    differences.found
from differences
semi join steps.page_summaries
    on page_summaries.tag = differences.tag
    and page_summaries.package = differences.package
    and page_summaries.fact = differences.fact;
