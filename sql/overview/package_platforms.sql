-- Platforms and CPU families of each package, over all snapshots.
-- Grain: one row per package.
-- Reads: spec_stacks, targets
create or replace view steps.package_platforms as
select
    built.package,
    list(distinct built.platform order by built.platform) as platforms,
    list(distinct targets.family order by targets.family) as families
from (select distinct package, platform, target from main.spec_stacks) as built
left join main.targets
    on targets.host_target = built.target
    and targets.binary_target = built.target
group by all;
