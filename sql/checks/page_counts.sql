-- Each entry of a page is a spec in spec_stacks or a row of rejects, as table pages counts them.
-- Reads: pages, specs, spec_stacks, rejects
with spec_counts as (
    select
        tag,
        package,
        count(*) as spec_count
    from specs
    group by all
),

row_counts as (
    select
        tag,
        package,
        count(*) as spec_stack_count
    from spec_stacks
    group by all
),

reject_counts as (
    select
        tag,
        package,
        count(*) as rejected_count
    from rejects
    where item is not null
    group by all
),

found as (
    select
        coalesce(pages.tag, row_counts.tag) as tag,
        coalesce(pages.package, row_counts.package) as package,
        pages.entry_count,
        pages.spec_count,
        coalesce(spec_counts.spec_count, 0) as specs_found,
        pages.spec_stack_count,
        coalesce(row_counts.spec_stack_count, 0) as rows_found,
        pages.rejected_count,
        coalesce(reject_counts.rejected_count, 0) as rejects_found
    from pages
    full join row_counts
        on row_counts.tag = pages.tag
        and row_counts.package = pages.package
    left join spec_counts
        on spec_counts.tag = row_counts.tag
        and spec_counts.package = row_counts.package
    left join reject_counts
        on reject_counts.tag = pages.tag
        and reject_counts.package = pages.package
)

select
    tag,
    package,
    entry_count,
    spec_count,
    specs_found,
    spec_stack_count,
    rows_found,
    rejected_count,
    rejects_found
from found
-- If a page has more than a thousand rejected specs, its last row counts the rest.
where entry_count is distinct from spec_count + rejected_count
    or spec_count is distinct from specs_found
    or spec_stack_count is distinct from rows_found
    or (rejected_count is distinct from rejects_found and rejected_count <= 1000)
