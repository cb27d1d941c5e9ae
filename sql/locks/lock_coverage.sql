-- What a snapshot holds of the specs of all lock files, and for each that would be built, why.
-- Grain: one row per lock and node_key.
-- Reads: lock_coverage_of
create or replace macro lock_coverage(snapshot_tag) as table
from steps.lock_coverage_of('lock_specs', snapshot_tag, [], null, null);
