-- For each host that could use a snapshot's binaries, the environments whose binaries run there.
-- Grain: one row per tag, os and host_target; the snapshot's operating systems and others known to
-- run one of its binaries, with all archspec targets of its families. Environments are numbers
-- of numbered_environments.
-- Reads: numbered_environments, runnable_systems, targets
create or replace view steps.snapshot_hosts as
with systems as (
    select
        runnable_systems.tag,
        runnable_systems.host_os as os,
        list(numbered_environments.environment_number)
            filter (where numbered_environments.os = runnable_systems.host_os) as own_numbers,
        list(numbered_environments.environment_number) as os_numbers
    from steps.runnable_systems
    inner join steps.numbered_environments
        on numbered_environments.tag = runnable_systems.tag
        and numbered_environments.platform = runnable_systems.platform
        and numbered_environments.os = runnable_systems.os
        and numbered_environments.glibc is not distinct from runnable_systems.glibc
    group by all
),

families as (
    select distinct
        numbered_environments.tag,
        targets.family
    from steps.numbered_environments
    inner join main.targets on targets.host_target = numbered_environments.target
    where targets.family is not null
),

host_targets as (
    select distinct
        families.tag,
        targets.host_target
    from families
    inner join main.targets on targets.family = families.family
),

runs as (
    select
        host_targets.tag,
        host_targets.host_target,
        list(numbered_environments.environment_number) as target_numbers
    from host_targets
    inner join main.targets on targets.host_target = host_targets.host_target
    inner join steps.numbered_environments
        on numbered_environments.tag = host_targets.tag
        and numbered_environments.target = targets.binary_target
    group by all
)

select
    systems.tag,
    systems.os,
    host_targets.host_target,
    list_sort(
        coalesce(list_intersect(systems.own_numbers, runs.target_numbers), [])
    ) as compatible_environments,
    list_sort(
        coalesce(list_intersect(systems.os_numbers, runs.target_numbers), [])
    ) as reusable_environments
from systems
inner join host_targets on host_targets.tag = systems.tag
left join runs
    on runs.tag = host_targets.tag
    and runs.host_target = host_targets.host_target;
