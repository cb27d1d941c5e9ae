-- How much of each lock file each snapshot and each of its stacks has.
-- Grain: one row per lock, tag and stack; stack is null for the snapshot as a whole.
-- Reads: lock_snapshots_of
create or replace view lock_snapshots as
select
    lock,
    tag,
    stack,
    lock_spec_count,
    cached_count,
    cached_pct,
    to_build_count,
    external_count,
    root_count,
    complete_root_count,
    download_bytes
from steps.lock_snapshots_of('lock_specs');
