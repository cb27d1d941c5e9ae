-- Specs of a snapshot that run on a host: same os, and its target or an ancestor of it.
-- Grain: one row per package and hash.
-- Reads: usable_specs
create or replace macro usable_on(snapshot_tag, host_os, host_target) as table
select
    tag,
    package,
    version,
    compiler,
    os,
    target,
    hash,
    stacks,
    target_match
from steps.usable_specs(snapshot_tag, host_target)
where os = host_os;
