-- Stacks, environments and packages that each snapshot lost or gained as a whole.
-- Grain: one row per tag, member_kind and member; tags with a previous_tag. Counts of what was lost
-- are those of the previous snapshot. The causes in snapshot_changes refer to these.
-- Reads: membership_changes, snapshot_tags
create or replace view snapshot_membership as
select
    tag,
    previous_tag,
    change,
    member_kind,
    member,
    package_count,
    cell_count,
    spec_count,
    changed_cell_count
from steps.membership_changes((
    select list({tag: tag, previous_tag: previous_tag})
    from steps.snapshot_tags
    where previous_tag is not null
));
