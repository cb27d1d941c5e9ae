-- Which specs of all lock files a snapshot has, and why the others would be built.
-- Grain: one row per lock and node_key.
-- Reads: lock_coverage_of
create or replace macro lock_coverage(snapshot_tag) as table
from steps.lock_coverage_of('lock_specs', snapshot_tag, [], null, null);
