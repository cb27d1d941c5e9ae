-- Which specs of lock files a snapshot has, and why the others would be built.
-- Grain: one row per lock and node_key.
-- Reads: lock_states, lock_nearest, lock_candidates, lock_blockers, lock_dependency_differences,
-- variant_differences, os_compatibility, version_key, spec_stacks; `locks_table` names a table like
-- lock_specs; without `stack_names`, all specs count; a null host_os or host_target means the lock
-- file's own.
create or replace macro steps.lock_coverage_of(
    locks_table, snapshot_tag, stack_names, host_os, host_target
) as table
select
    nodes.lock,
    nodes.package,
    nodes.version,
    nodes.hash,
    nodes.compiler,
    nodes.os,
    nodes.platform,
    nodes.target,
    nodes.variants,
    nodes.is_root,
    states.state,
    case
        when states.state = 'build'
            then [
                'package',
                'version',
                'platform',
                'os',
                'target',
                'compiler',
                'variants',
                'dependencies'
            ][coalesce(nearest.first_difference, 0) + 1]
    end as reason,
    nearest.nearest_hash,
    list_filter(
        [
            case when held.version <> nodes.version
                then 'version ' || nodes.version || ' != ' || held.version
            end,
            case when held.platform <> nodes.platform
                then 'platform ' || nodes.platform || ' != ' || held.platform
            end,
            case when held.os <> coalesce(host_os, nodes.os)
                then 'os ' || coalesce(host_os, nodes.os) || ' != ' || held.os
            end,
            case when held.target <> coalesce(host_target, nodes.target)
                then 'target ' || coalesce(host_target, nodes.target) || ' != ' || held.target
            end,
            case when held.compiler <> nodes.compiler
                then 'compiler ' || nodes.compiler || ' != ' || held.compiler
            end
        ]
        || coalesce(steps.variant_differences(list_sort(nodes.variants), held.variants), [])
        -- Attributes that pages do not give come last, where nothing else differs.
        || case
            when nearest.first_difference = 7
                then [
                    case when held.flags <> nodes.flags
                        then 'flags '
                            || coalesce(nullif(array_to_string(nodes.flags, ' '), ''), 'none')
                            || ' != '
                            || coalesce(nullif(array_to_string(held.flags, ' '), ''), 'none')
                    end,
                    case when held.namespace <> nodes.namespace
                        then 'namespace ' || nodes.namespace || ' != ' || held.namespace
                    end,
                    case when held.package_hash <> nodes.package_hash
                        then 'recipe ' || left(nodes.package_hash, 7) || ' != '
                            || left(held.package_hash, 7)
                    end
                ]
                || coalesce(
                    dependencies_compared.differences,
                    case when held.package_hash is null or held.package_hash = nodes.package_hash
                        then ['equal in all that the tables hold']
                    end,
                    []
                )
            else []
        end,
        lambda difference: difference is not null
    ) as differences,
    coalesce(states.stacks, []) as stacks,
    coalesce(elsewhere.tags, []) as also_in,
    case
        when nearest.first_difference = 1
            then case
                when main.version_key(held.version) < main.version_key(nodes.version) then 'older'
                when main.version_key(held.version) > main.version_key(nodes.version) then 'newer'
                else 'equal'
            end
    end as nearest_version,
    case when nearest.first_difference = 3 then os_compatibility.binary_os is not null end
        as is_nearest_os_usable,
    case
        when nodes.is_root
            then states.state <> 'build' and blockers.blocked_by is null
    end as is_complete,
    coalesce(blockers.blocked_by, []) as blocked_by,
    states.size_bytes,
    nodes.node_key
from query_table(locks_table) as nodes
inner join steps.lock_states(locks_table, snapshot_tag, stack_names) as states
    on states.lock = nodes.lock
    and states.node_key = nodes.node_key
left join
    steps.lock_nearest(locks_table, snapshot_tag, stack_names, host_os, host_target) as nearest
    on nearest.lock = nodes.lock
    and nearest.node_key = nodes.node_key
left join steps.lock_candidates(locks_table, snapshot_tag, stack_names) as held
    on held.package = nodes.package
    and held.hash = nearest.nearest_hash
left join main.os_compatibility
    on os_compatibility.host_os = coalesce(host_os, nodes.os)
    and os_compatibility.binary_os = held.os
left join steps.lock_dependency_differences(
    locks_table, snapshot_tag, stack_names, host_os, host_target
) as dependencies_compared
    on dependencies_compared.lock = nodes.lock
    and dependencies_compared.node_key = nodes.node_key
left join steps.lock_blockers(locks_table, snapshot_tag, stack_names) as blockers
    on blockers.lock = nodes.lock
    and blockers.node_key = nodes.node_key
left join (
    select
        package,
        hash,
        list(distinct tag order by tag) as tags
    from main.spec_stacks
    where tag <> snapshot_tag
        and hash in (select hash from query_table(locks_table))
    group by package, hash
) as elsewhere
    on elsewhere.package = nodes.package
    and elsewhere.hash = nodes.hash;
