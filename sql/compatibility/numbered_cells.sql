-- Packages built by each compiler, by number of the environment.
-- Grain: one row per tag, package, compiler and environment_number.
-- Reads: built_cells, numbered_environments
create or replace view steps.numbered_cells as
select
    built_cells.tag,
    built_cells.package,
    built_cells.compiler,
    built_cells.os,
    numbered_environments.environment_number,
    numbered_environments.environment_bit
from steps.built_cells
inner join steps.numbered_environments
    on numbered_environments.tag = built_cells.tag
    and numbered_environments.platform = built_cells.platform
    and numbered_environments.os = built_cells.os
    and numbered_environments.target = built_cells.target
    and numbered_environments.glibc is not distinct from built_cells.glibc;
