-- Stacks of each cell that only one of the two snapshots of each pair has.
-- Grain: one row per tag, previous_tag, package, platform, os and target; cells with such a stack.
-- pairs is a list of {tag, previous_tag}.
-- Reads: pair_sides, snapshot_stacks, spec_stacks
create or replace macro steps.changed_stacks(pairs) as table
select
    sides.tag,
    sides.previous_tag,
    spec_stacks.package,
    spec_stacks.platform,
    spec_stacks.os,
    spec_stacks.target,
    list(distinct spec_stacks.stack order by spec_stacks.stack) as changed_stacks
from steps.pair_sides(pairs) as sides
inner join steps.snapshot_stacks as own_stacks on own_stacks.tag = sides.side_tag
left join steps.snapshot_stacks as other_stacks
    on other_stacks.tag = sides.other_tag
    and other_stacks.stack = own_stacks.stack
inner join main.spec_stacks
    on spec_stacks.tag = sides.side_tag
    and spec_stacks.stack = own_stacks.stack
where other_stacks.stack is null
group by all;
