-- Specs of a snapshot that run on a CPU target, whatever their operating system.
-- Grain: one row per package and hash.
-- Reads: specs, targets
create or replace macro steps.usable_specs(snapshot_tag, host_target) as table
select
    specs.tag,
    specs.package,
    specs.version,
    specs.compiler,
    specs.platform,
    specs.os,
    specs.target,
    specs.hash,
    specs.stacks,
    case when specs.target = host_target then 'exact' else 'ancestor' end as target_match
from main.specs
left join main.targets
    on targets.binary_target = specs.target
    and targets.host_target = host_target
where specs.tag = snapshot_tag
    -- A target unknown to archspec still runs what was built for exactly it.
    and (specs.target = host_target or targets.binary_target is not null);
