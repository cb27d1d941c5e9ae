-- The snapshots of the build cache and how much each holds.
-- Grain: one row per tag. Kinds: `rolling` is develop, `weekly` develop-YYYY-MM-DD, `release`
-- vX.Y.Z, `dated` a tag with a day or month, `versioned` one that ends in numbers. A snapshot
-- follows the previous one in its line. Releases form two lines: Spack's own (v0.23.1) and those of
-- its packages, numbered by year (v2025.06.0). Other tags form a line if they differ only in
-- date or numbers.
-- Reads: snapshot_tags, snapshot_packages, spec_stacks
create or replace view snapshots as
with counts as (
    select
        tag,
        count(distinct (package, hash)) as spec_count,
        count(*) as spec_stack_count,
        count(distinct stack) filter (where stack <> 'root') as stack_count
    from spec_stacks
    group by all
)

select
    snapshot_tags.tag,
    snapshot_tags.kind,
    snapshot_tags.snapshot_date,
    snapshot_tags.previous_tag,
    coalesce(packages.package_count, 0) as package_count,
    coalesce(counts.spec_count, 0) as spec_count,
    coalesce(counts.spec_stack_count, 0) as spec_stack_count,
    coalesce(counts.stack_count, 0) as stack_count,
    snapshot_tags.line,
    coalesce(packages.unreadable_package_count, 0) as unreadable_package_count,
    coalesce(packages.expected_package_count, 0) as expected_package_count
from steps.snapshot_tags
left join counts on counts.tag = snapshot_tags.tag
left join steps.snapshot_packages as packages on packages.tag = snapshot_tags.tag;
