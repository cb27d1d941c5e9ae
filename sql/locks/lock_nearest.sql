-- The nearest spec in a snapshot to each spec of a lock file that would be built.
-- Grain: one row per lock and node_key.
-- Reads: lock_states, lock_candidates, targets; the nearest spec agrees in the longest run of
-- version, platform, os, target, compiler and variants, in that order. Ties go to a spec that runs
-- on the host, then to the smallest hash. A null os or target means the lock file's own.
create or replace macro steps.lock_nearest(
    locks_table, snapshot_tag, stack_names, host_os, host_target
) as table
select
    compared.lock,
    compared.node_key,
    max(compared.first_difference) as first_difference,
    arg_min(
        compared.hash, (-compared.first_difference, compared.is_unusable::integer, compared.hash)
    ) as nearest_hash
from (
    select
        nodes.lock,
        nodes.node_key,
        held.hash,
        case
            when held.version <> nodes.version then 1
            when held.platform <> nodes.platform then 2
            when held.os <> coalesce(host_os, nodes.os) then 3
            when held.target <> coalesce(host_target, nodes.target) then 4
            when held.compiler <> nodes.compiler then 5
            when held.variants <> nodes.variants then 6
            else 7
        end as first_difference,
        targets.binary_target is null and held.target <> coalesce(host_target, nodes.target)
            as is_unusable
    from (
        select
            lock,
            node_key,
            package,
            version,
            platform,
            os,
            target,
            compiler,
            list_sort(variants) as variants
        from query_table(locks_table)
    ) as nodes
    inner join steps.lock_states(locks_table, snapshot_tag, stack_names) as states
        on states.lock = nodes.lock
        and states.node_key = nodes.node_key
    inner join steps.lock_candidates(locks_table, snapshot_tag, stack_names) as held
        on held.package = nodes.package
    left join main.targets
        on targets.host_target = coalesce(host_target, nodes.target)
        and targets.binary_target = held.target
    where states.state = 'build'
) as compared
group by compared.lock, compared.node_key;
