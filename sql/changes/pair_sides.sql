-- The two snapshots of each pair, each with the other one.
-- Grain: one row per tag, previous_tag and side_tag; pairs is a list of {tag, previous_tag}.
-- Reads: nothing
create or replace macro steps.pair_sides(pairs) as table
select
    tag,
    previous_tag,
    unnest([tag, previous_tag]) as side_tag,
    unnest([previous_tag, tag]) as other_tag
from (select unnest(pairs, recursive := true));
