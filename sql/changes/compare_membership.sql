-- Stacks, environments and packages that only one of two given snapshots has.
-- Grain: one row per member_kind and member; tag is to_tag.
-- Reads: membership_changes, compare_snapshots, cell_members
create or replace macro compare_membership(from_tag, to_tag) as table
select
    members.tag,
    members.previous_tag,
    members.change,
    members.member_kind,
    members.member,
    members.package_count,
    members.cell_count,
    members.spec_count,
    coalesce(cell_counts.changed_cell_count, 0) as changed_cell_count
from steps.membership_changes([{tag: to_tag, previous_tag: from_tag}]) as members
left join (
    select
        member_kind,
        member,
        count(*) as changed_cell_count
    from (
        select
            unnest(
                steps.cell_members(package, platform, os, target, changed_stacks), recursive := true
            )
        from compare_snapshots(from_tag, to_tag)
        where change in ('lost', 'gained')
    )
    group by all
) as cell_counts
    on cell_counts.member_kind = members.member_kind
    and cell_counts.member = members.member;
