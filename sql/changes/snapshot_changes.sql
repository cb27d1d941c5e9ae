-- What changed in each snapshot since the previous one of its kind, and why.
-- Grain: one row per tag, package, platform, os, target and change; tags with a previous_tag.
-- Reads: cell_changes, snapshot_tags
create or replace view snapshot_changes as
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
from steps.cell_changes((
    select list({tag: tag, previous_tag: previous_tag})
    from steps.snapshot_tags
    where previous_tag is not null
));
