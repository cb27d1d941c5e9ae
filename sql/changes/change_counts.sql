-- How many cells changed between two snapshots, by kind of change and cause.
-- Grain: one row per change and cause; a null cause is the total of the change. tag is to_tag.
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
-- Changes without a cause are in their total only.
having grouping(cause) = 1 or cause is not null;
