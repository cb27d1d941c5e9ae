-- How many specs stayed for how many weekly snapshots.
-- Grain: one row per tag_count; lifetimes cut off by the first or last week are left out.
-- Reads: hash_lifetimes, snapshot_tags
create or replace view lifetime_counts as
select
    tag_count,
    count(*) as spec_count
from hash_lifetimes
where first_tag <> (select min(tag) from steps.snapshot_tags where kind = 'weekly')
    and last_tag <> (select max(tag) from steps.snapshot_tags where kind = 'weekly')
group by all;
