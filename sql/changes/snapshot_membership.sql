-- Which stacks, environments and packages each snapshot lost or gained as a whole.
-- Grain: one row per tag, member_kind and member; tags with a previous_tag. What was lost is
-- counted as the snapshot before had it. These are what the causes of snapshot_changes name.
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
    spec_count
from steps.membership_changes((
    select list({tag: tag, previous_tag: previous_tag})
    from steps.snapshot_tags
    where previous_tag is not null
));
