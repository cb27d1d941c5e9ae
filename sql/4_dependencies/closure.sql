-- All that one spec of a snapshot needs where it is used, directly or by way of others.
-- Grain: one row per dependency_hash; none of a snapshot read from pages, which tell no dependency.
-- Reads: closures, specs
create or replace macro closure(snapshot_tag, spec_hash) as table
select
    closures.tag,
    closures.hash,
    closures.dependency_hash,
    closures.dependency_name,
    closures.is_external,
    specs.version,
    coalesce(specs.stacks, []) as stacks,
    coalesce(specs.is_in_root, false) as is_in_root
from closures
left join specs
    on specs.tag = closures.tag
    and specs.hash = closures.dependency_hash
where closures.tag = snapshot_tag
    and closures.hash = spec_hash;
