-- Dependencies in which a lock file's spec differs from a cached spec equal in all else.
-- Grain: one row per lock and node_key.
-- Reads: lock_nearest, dependencies; no row where the snapshot has no dependencies.
create or replace macro steps.lock_dependency_differences(
    locks_table, snapshot_tag, stack_names, host_os, host_target
) as table
select
    wanted.lock,
    wanted.node_key,
    list(
        '^' || wanted.package || '/' || left(wanted.hash, 7) || ' != '
            || coalesce('/' || left(found.dependency_hash, 7), 'no ' || wanted.package)
        order by wanted.package
    ) as differences
from (
    select
        edges.lock,
        edges.node_key,
        edges.edge.package as package,
        needed.hash
    from (
        select
            lock,
            node_key,
            unnest(dependencies) as edge
        from query_table(locks_table)
    ) as edges
    inner join query_table(locks_table) as needed
        on needed.lock = edges.lock
        and needed.node_key = edges.edge.node_key
) as wanted
inner join
    steps.lock_nearest(locks_table, snapshot_tag, stack_names, host_os, host_target) as nearest
    on nearest.lock = wanted.lock
    and nearest.node_key = wanted.node_key
semi join main.dependencies as told
    on told.tag = snapshot_tag
    and told.hash = nearest.nearest_hash
left join main.dependencies as found
    on found.tag = snapshot_tag
    and found.hash = nearest.nearest_hash
    and found.dependency_name = wanted.package
where nearest.first_difference = 7
    and found.dependency_hash is distinct from wanted.hash
group by wanted.lock, wanted.node_key;
