-- What changed between any two snapshots, and why; columns as in snapshot_changes.
-- Grain: one row per package, platform, os, target and change; tag is to_tag.
-- Reads: cell_changes
create or replace macro compare_snapshots(from_tag, to_tag) as table
select
    tag,
    previous_tag,
    package,
    platform,
    os,
    target,
    change,
    cause,
    previous_spec_count,
    spec_count,
    changed_stacks
from steps.cell_changes([{tag: to_tag, previous_tag: from_tag}]);
