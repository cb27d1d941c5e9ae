-- How many cells changed in each snapshot, by kind of change and cause.
-- Grain: one row per tag, change and cause; cause is null for all of a change.
-- Reads: snapshot_changes
create or replace view change_counts as
select
    tag,
    previous_tag,
    change,
    cause,
    count(*) as cell_count,
    count(distinct package) as package_count
from snapshot_changes
group by grouping sets (
    (tag, previous_tag, change),
    (tag, previous_tag, change, cause)
)
-- What has no cause is counted once.
having grouping(cause) = 1 or cause is not null;
