-- How many specs of a cell are new, gone or kept, for cells that the previous snapshot had too.
-- Grain: one row per tag, package, platform, os and target; cells in which a hash differs. If the
-- versions are the same, the cell was rebuilt in part, or in whole (`rebuilt` in snapshot_changes).
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
