-- Environments that a snapshot has specs for.
-- Grain: one row per tag, platform, os and target.
-- Reads: cells
create or replace view environments as
select
    tag,
    platform,
    os,
    target,
    -- cells has one row per package and environment.
    count(*) as package_count,
    sum(spec_count)::bigint as spec_count
from steps.cells
group by all;
