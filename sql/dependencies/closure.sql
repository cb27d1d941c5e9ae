-- All that one spec of a snapshot needs where it is used, directly or by way of others.
-- Grain: one row per dependency_hash; none of a snapshot read from pages, which tell no dependency.
-- An external has the version and path that the index records, and no stacks.
-- Reads: closures, dependencies, specs
create or replace macro closure(snapshot_tag, spec_hash) as table
select
    closures.tag,
    closures.hash,
    closures.dependency_hash,
    closures.dependency_name,
    closures.is_external,
    coalesce(specs.version, records.version) as version,
    coalesce(specs.stacks, []) as stacks,
    coalesce(specs.is_in_root, false) as is_in_root,
    records.external_path
from steps.closures
left join (
    select
        dependency_hash,
        any_value(dependency_version) as version,
        any_value(external_path) as external_path
    from dependencies
    where tag = snapshot_tag
    group by dependency_hash
) as records
    on records.dependency_hash = closures.dependency_hash
left join specs
    on specs.tag = closures.tag
    and specs.hash = closures.dependency_hash
where closures.tag = snapshot_tag
    and closures.hash = spec_hash;
