-- The direct link and run dependencies of each spec, without those that only build it.
-- Grain: one row per tag, hash and dependency_hash.
-- Reads: dependencies
create or replace view steps.needs as
select
    tag,
    hash,
    dependency_hash,
    dependency_name,
    is_external
from main.dependencies
where list_has_any(deptypes, ['link', 'run']);
