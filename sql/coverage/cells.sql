-- The cells of each package: the environments in which it has a spec.
-- Grain: one row per tag, package, platform, os and target.
-- Reads: specs
create or replace view steps.cells as
select
    tag,
    package,
    platform,
    os,
    target,
    count(*) as spec_count
from main.specs
group by all;
