-- The transitive link and run dependencies of one spec of a snapshot.
-- Grain: one row per dependency_hash; none for a snapshot read from pages, which
-- list no dependencies. An external has the version and path that the index records, and no stacks.
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
-- As text, so that the recursion starts at the one spec, and so that DuckDB 1.4.0 can run it: that
-- version loses the common table expressions of a macro stored by a newer one. Values are quoted.
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
