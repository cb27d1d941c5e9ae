-- The counts of packages, specs and rows in view snapshots are those of table pages.
-- Reads: snapshots, pages
with counts as (
    select
        count(*) filter (where spec_count > 0) as package_count,
        coalesce(sum(spec_count), 0) as spec_count,
        coalesce(sum(spec_stack_count), 0) as spec_stack_count
    from pages
    where tag = $tag
)

select
    snapshots.tag,
    snapshots.package_count,
    counts.package_count as packages_of_pages,
    snapshots.spec_count,
    counts.spec_count as specs_of_pages,
    snapshots.spec_stack_count,
    counts.spec_stack_count as rows_of_pages
from snapshots
cross join counts
where snapshots.tag = $tag
    and (
        snapshots.package_count <> counts.package_count
        or snapshots.spec_count <> counts.spec_count
        or snapshots.spec_stack_count <> counts.spec_stack_count
    )
