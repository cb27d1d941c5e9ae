-- How many cells changed from one snapshot to another, by kind of change and cause.
-- Grain: one row per change and cause; a null cause counts all of a change. tag is to_tag.
-- Reads: compare_snapshots
create or replace macro change_counts(from_tag, to_tag) as table
select
    tag,
    previous_tag,
    change,
    cause,
    count(*) as cell_count,
    count(distinct package) as package_count
from compare_snapshots(from_tag, to_tag)
group by grouping sets (
    (tag, previous_tag, change),
    (tag, previous_tag, change, cause)
)
-- What has no cause is counted once.
having grouping(cause) = 1 or cause is not null;
