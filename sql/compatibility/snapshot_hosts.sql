-- For each CPU target and os, the targets of the snapshot whose binaries run there.
-- Grain: one row per tag, os and host_target; all archspec targets of the snapshot's families.
-- Reads: environments, numbered_environments, runnable_systems, targets
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

binaries as (
    select
        hosts.tag,
        hosts.os,
        hosts.host_target,
        numbered_environments.os as binary_os,
        numbered_environments.target as binary_target,
        numbered_environments.environment_number
    from hosts
    inner join steps.runnable_systems
        on runnable_systems.tag = hosts.tag
        and runnable_systems.host_os = hosts.os
    inner join steps.numbered_environments
        on numbered_environments.tag = hosts.tag
        and numbered_environments.platform = runnable_systems.platform
        and numbered_environments.os = runnable_systems.os
        and numbered_environments.glibc is not distinct from runnable_systems.glibc
    inner join main.targets
        on targets.host_target = hosts.host_target
        and targets.binary_target = numbered_environments.target
),

lists as (
    select
        tag,
        os,
        host_target,
        list(distinct binary_target order by binary_target)
            filter (where binary_os = os) as binary_targets,
        list(environment_number order by environment_number) as reusable_environments
    from binaries
    group by all
)

select
    hosts.tag,
    hosts.os,
    hosts.host_target,
    coalesce(lists.binary_targets, []) as binary_targets,
    coalesce(lists.reusable_environments, []) as reusable_environments
from hosts
left join lists
    on lists.tag = hosts.tag
    and lists.os = hosts.os
    and lists.host_target = hosts.host_target;
