-- For each CPU target and os, the targets of the snapshot whose binaries run there.
-- Grain: one row per tag, os and host_target; all archspec targets of the snapshot's families.
-- Reads: environments, os_compatibility, targets
create or replace view steps.snapshot_hosts as
with families as (
    select distinct
        environments.tag,
        targets.family
    from main.environments
    inner join main.targets on targets.host_target = environments.target
    where targets.family is not null
),

hosts as (
    select distinct
        environments.tag,
        environments.os,
        targets.host_target
    from main.environments
    inner join families on families.tag = environments.tag
    inner join main.targets on targets.family = families.family
),

-- An os runs its own binaries, and those of operating systems compatible by Spack's rule.
runnable as (
    select
        tag,
        os,
        os as binary_os
    from (select distinct tag, os from hosts)
    union all
    select
        hosts.tag,
        hosts.os,
        os_compatibility.binary_os
    from (select distinct tag, os from hosts) as hosts
    inner join main.os_compatibility on os_compatibility.host_os = hosts.os
),

binaries as (
    select distinct
        hosts.tag,
        hosts.os,
        hosts.host_target,
        environments.os as binary_os,
        environments.target as binary_target
    from hosts
    inner join runnable
        on runnable.tag = hosts.tag
        and runnable.os = hosts.os
    inner join main.environments
        on environments.tag = hosts.tag
        and environments.os = runnable.binary_os
    inner join main.targets
        on targets.host_target = hosts.host_target
        and targets.binary_target = environments.target
),

lists as (
    select
        tag,
        os,
        host_target,
        list(binary_target order by binary_target) filter (where binary_os = os) as binary_targets,
        list({os: binary_os, target: binary_target} order by binary_os, binary_target)
            as reusable_binaries
    from binaries
    group by all
)

select
    hosts.tag,
    hosts.os,
    hosts.host_target,
    coalesce(lists.binary_targets, []) as binary_targets,
    coalesce(lists.reusable_binaries, []) as reusable_binaries
from hosts
left join lists
    on lists.tag = hosts.tag
    and lists.os = hosts.os
    and lists.host_target = hosts.host_target;
