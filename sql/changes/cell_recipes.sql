-- The recipes, by their hashes, from which a snapshot's specs of a cell were built.
-- Grain: one row per tag, package, platform, os and target; specs that tell theirs.
-- Reads: spec_stacks
create or replace view steps.cell_recipes as
select
    tag,
    package,
    platform,
    os,
    target,
    count(distinct hash) as spec_count,
    list(distinct package_hash order by package_hash) as recipes
-- From the table itself: of pages, which tell none, DuckDB reads nothing.
from main.spec_stacks
where package_hash is not null
group by all;
