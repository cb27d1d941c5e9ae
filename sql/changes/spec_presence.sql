-- Which snapshots of each pair have each spec.
-- Grain: one row per tag, previous_tag, package, platform, os, target, version and hash;
-- pairs is a list of {tag, previous_tag}.
-- Reads: pair_sides, spec_stacks, snapshot_stacks
create or replace macro steps.spec_presence(pairs) as table
select
    sides.tag,
    sides.previous_tag,
    spec_stacks.package,
    spec_stacks.platform,
    spec_stacks.os,
    spec_stacks.target,
    spec_stacks.version,
    spec_stacks.hash,
    bool_or(sides.side_tag = sides.tag) as is_present,
    bool_or(sides.side_tag = sides.previous_tag) as was_present,
    coalesce(bool_or(spec_stacks.stack <> 'root'), false) as has_stack,
    -- Whether a stack that lists it is in the other snapshot too, with whatever specs.
    bool_or(other_stacks.stack is not null) as has_lasting_stack
from steps.pair_sides(pairs) as sides
-- Read the table, not a view: only then does DuckDB prune tags that no pair has.
inner join main.spec_stacks on spec_stacks.tag = sides.side_tag
left join steps.snapshot_stacks as other_stacks
    on other_stacks.tag = sides.other_tag
    and other_stacks.stack = spec_stacks.stack
group by all;
