-- Stacks, environments and packages that only one of the two snapshots of each pair has.
-- Grain: one row per tag, previous_tag, member_kind and member; pairs is a list of
-- {tag, previous_tag}.
-- Reads: snapshot_members
create or replace macro steps.membership_changes(pairs) as table
select
    sides.tag,
    sides.previous_tag,
    case any_value(sides.side) when 1 then 'lost' else 'gained' end as change,
    members.member_kind,
    members.member,
    any_value(members.package_count) as package_count,
    any_value(members.cell_count) as cell_count,
    any_value(members.spec_count) as spec_count
from (
    select
        tag,
        previous_tag,
        unnest([tag, previous_tag]) as side_tag,
        unnest([0, 1]) as side
    from (select unnest(pairs, recursive := true))
) as sides
inner join steps.snapshot_members as members on members.tag = sides.side_tag
where sides.tag <> sides.previous_tag
group by sides.tag, sides.previous_tag, members.member_kind, members.member
having count(*) = 1;
