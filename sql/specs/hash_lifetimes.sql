-- How long each spec stayed in the weekly snapshots.
-- Grain: one row per package and hash.
-- Reads: specs, snapshot_tags
create or replace view hash_lifetimes as
select
    specs.package,
    specs.hash,
    -- Weekly tags sort as their dates do.
    min(specs.tag) as first_tag,
    max(specs.tag) as last_tag,
    count(*) as tag_count
from specs
inner join steps.snapshot_tags on snapshot_tags.tag = specs.tag
where snapshot_tags.kind = 'weekly'
group by all;
