-- All that one spec of a snapshot needs where it is used, directly or by way of others.
-- Grain: one row per dependency_hash; none of a snapshot read from pages, which tell no dependency.
-- An external has the version and path that the index records, and no stacks.
-- Reads: dependencies, needs, specs
create or replace macro closure(snapshot_tag, spec_hash) as table
select
    coalesce(snapshot_tag, '') as tag,
    coalesce(spec_hash, '') as hash,
    reached.dependency_hash,
    reached.dependency_name,
    reached.is_external,
    coalesce(specs.version, records.version) as version,
    coalesce(specs.stacks, []) as stacks,
    coalesce(specs.is_in_root, false) as is_in_root,
    records.external_path
-- As text, so that it starts at the one spec and DuckDB 1.4.0 runs it, too: of a macro that a newer
-- DuckDB stored it loses common table expressions. Both values are quoted.
from query(
    'with recursive reached as ('
    || 'select dependency_hash, dependency_name, is_external from steps.needs where tag = '''
    || replace(coalesce(snapshot_tag, ''), '''', '''''')
    || ''' and hash = '''
    || replace(coalesce(spec_hash, ''), '''', '''''')
    || ''' union select needs.dependency_hash, needs.dependency_name, needs.is_external '
    || 'from reached inner join steps.needs on needs.hash = reached.dependency_hash '
    || 'and needs.tag = '''
    || replace(coalesce(snapshot_tag, ''), '''', '''''')
    || ''') select dependency_hash, dependency_name, is_external from reached'
) as reached
left join (
    select
        dependency_hash,
        any_value(dependency_version) as version,
        any_value(external_path) as external_path
    from dependencies
    where tag = snapshot_tag
    group by dependency_hash
) as records
    on records.dependency_hash = reached.dependency_hash
left join specs
    on specs.tag = snapshot_tag
    and specs.hash = reached.dependency_hash;
