-- How much of each lock file each snapshot holds, and each stack of it.
-- Grain: one row per lock, tag and stack; of a snapshot as a whole the stack is null.
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
