-- How many specs of a cell are new, gone or kept, where the snapshot before had the cell, too.
-- Grain: one row per tag, package, platform, os and target; those in which a hash differs. With the
-- same versions these were built anew, in part or, as `rebuilt` in snapshot_changes, altogether.
-- Reads: cell_presence, snapshot_tags
create or replace view spec_changes as
select
    tag,
    previous_tag,
    package,
    platform,
    os,
    target,
    has_same_versions,
    spec_count - kept_spec_count as new_spec_count,
    previous_spec_count - kept_spec_count as gone_spec_count,
    kept_spec_count
from steps.cell_presence((
    select list({tag: tag, previous_tag: previous_tag})
    from steps.snapshot_tags
    where previous_tag is not null
))
where spec_count > 0
    and previous_spec_count > 0
    and (kept_spec_count < spec_count or kept_spec_count < previous_spec_count);
