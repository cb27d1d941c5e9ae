-- Where the summary of a page differs from its entries; refused entries are in rejects.
-- Grain: one row per tag, package, fact and item; item is null for num_specs.
-- Reads: page_summaries, page_findings, pages
create or replace view reconciliation as
with compared as (
    select
        summaries.tag,
        summaries.package,
        summaries.fact,
        summaries.declarations,
        findings.findings,
        pages.rejected_count
    from steps.page_summaries as summaries
    inner join pages
        on pages.tag = summaries.tag
        and pages.package = summaries.package
    left join steps.page_findings as findings
        on findings.tag = summaries.tag
        and findings.package = summaries.package
        and findings.fact = summaries.fact
    where summaries.declarations is distinct from findings.findings
        or pages.rejected_count > 0
),

items as (
    select
        tag,
        package,
        fact,
        rejected_count,
        true as is_declared,
        unnest(declarations, recursive := true)
    from compared
    union all
    select
        tag,
        package,
        fact,
        rejected_count,
        false,
        unnest(findings, recursive := true)
    from compared
),

counts as (
    select
        tag,
        package,
        fact,
        item,
        rejected_count,
        coalesce(max("count") filter (where is_declared), 0) as declared,
        coalesce(max("count") filter (where not is_declared), 0) as found
    from items
    group by all
)

select
    tag,
    package,
    fact,
    item,
    declared,
    -- A page's entries are its specs and its rejects.
    found + case when fact = 'num_specs' then rejected_count else 0 end as found
from counts
where case
    when fact = 'num_specs' then declared <> found + rejected_count
    -- What the summary has beyond the accepted specs may be of refused ones.
    else declared not between found and found + rejected_count
end;
