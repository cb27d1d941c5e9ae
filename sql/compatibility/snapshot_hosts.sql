-- Which of the targets that a snapshot has binaries for run on each CPU target, per os.
-- Grain: one row per tag, os and host_target; archspec's targets of the snapshot's families.
-- Reads: environments, targets
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
)

select
    hosts.tag,
    hosts.os,
    hosts.host_target,
    coalesce(
        list(distinct targets.binary_target order by targets.binary_target)
            filter (where targets.binary_target is not null),
        []
    ) as binary_targets
from hosts
inner join main.environments
    on environments.tag = hosts.tag
    and environments.os = hosts.os
left join main.targets
    on targets.host_target = hosts.host_target
    and targets.binary_target = environments.target
group by all;
