-- Binaries of a snapshot that run on each of its operating systems and targets, by Spack's rule.
-- Grain: one row per tag, os, target and environment_number; the last is the binary's, as in
-- numbered_environments.
-- Reads: numbered_environments, runnable_systems, targets
create or replace view steps.runnable_environments as
with hosts as (
    -- The targets of all platforms of an os: as in gaps, an os on two platforms counts once.
    select distinct
        built.tag,
        built.os,
        fellow.target
    from (select distinct tag, platform, os from steps.numbered_environments) as built
    inner join (select distinct tag, platform, target from steps.numbered_environments) as fellow
        on fellow.tag = built.tag
        and fellow.platform = built.platform
)

select
    hosts.tag,
    hosts.os,
    hosts.target,
    binaries.environment_number,
    binaries.environment_bit,
    case
        when hosts.os <> binaries.os then 'older libc'
        when hosts.target <> binaries.target then 'same os'
        else 'exact'
    end as os_match
from hosts
inner join steps.runnable_systems
    on runnable_systems.tag = hosts.tag
    and runnable_systems.host_os = hosts.os
inner join steps.numbered_environments as binaries
    on binaries.tag = runnable_systems.tag
    and binaries.platform = runnable_systems.platform
    and binaries.os = runnable_systems.os
    and binaries.glibc is not distinct from runnable_systems.glibc
inner join main.targets
    on targets.host_target = hosts.target
    and targets.binary_target = binaries.target;
