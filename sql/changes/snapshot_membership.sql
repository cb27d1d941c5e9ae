-- Stacks, environments and packages that each snapshot lost or gained as a whole.
-- Grain: one row per tag, member_kind and member; tags with a previous_tag. Counts of what was lost
-- are those of the previous snapshot. The causes in snapshot_changes refer to these.
-- Reads: membership_changes, snapshot_tags, snapshot_changes, cell_members
create or replace view snapshot_membership as
with changed as (
    select
        tag,
        unnest(
            steps.cell_members(package, platform, os, target, changed_stacks), recursive := true
        )
    from snapshot_changes
    where change in ('lost', 'gained')
),

cell_counts as (
    select
        tag,
        member_kind,
        member,
        count(*) as changed_cell_count
    from changed
    group by all
)

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
from steps.membership_changes((
    select list({tag: tag, previous_tag: previous_tag})
    from steps.snapshot_tags
    where previous_tag is not null
)) as members
left join cell_counts
    on cell_counts.tag = members.tag
    and cell_counts.member_kind = members.member_kind
    and cell_counts.member = members.member;
