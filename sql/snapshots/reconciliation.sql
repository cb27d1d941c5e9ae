-- Where the summary of a page differs from its entries; refused entries are in rejects.
-- Grain: one row per tag, package, fact and item; item is null for num_specs.
-- Reads: page_summaries, page_findings, pages
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

counts as (
    select
        tag,
        package,
        fact,
        item,
        coalesce(max(declared), 0) as declared,
        coalesce(max(found), 0) as found
    from compared
    group by all
),

differences as (
    select
        counts.tag,
        counts.package,
        counts.fact,
        counts.item,
        counts.declared,
        -- A page's entries are its specs and its rejects.
        counts.found
            + case when counts.fact = 'num_specs' then pages.rejected_count else 0 end as found
    from counts
    inner join pages
        on pages.tag = counts.tag
        and pages.package = counts.package
    where case
        when counts.fact = 'num_specs' then counts.declared <> counts.found + pages.rejected_count
        -- What the summary has beyond the accepted specs may be of refused ones.
        else counts.declared not between counts.found and counts.found + pages.rejected_count
    end
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
