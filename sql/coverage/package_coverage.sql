-- Which versions and stacks of a package a snapshot has, for each compiler and environment.
-- Grain: one row per tag, package, compiler, platform, os and target.
-- Reads: specs
create or replace view package_coverage as
select
    tag,
    package,
    compiler,
    platform,
    os,
    target,
    list_sort(list_distinct(list(version))) as versions,
    list_sort(list_distinct(flatten(list(stacks)))) as stacks,
    count(*) as spec_count
from specs
group by all;
