-- How many specs stayed for how many weekly snapshots.
-- Grain: one row per tag_count.
-- Reads: hash_lifetimes
create or replace view lifetime_counts as
select
    tag_count,
    count(*) as spec_count
from hash_lifetimes
group by all;
