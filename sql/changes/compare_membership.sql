-- Stacks, environments and packages that only one of two given snapshots has.
-- Grain: one row per member_kind and member; tag is to_tag.
-- Reads: membership_changes
create or replace macro compare_membership(from_tag, to_tag) as table
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
from steps.membership_changes([{tag: to_tag, previous_tag: from_tag}]);
