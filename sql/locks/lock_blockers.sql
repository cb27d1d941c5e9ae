-- Link and run dependencies of each spec of a lock file that the cache lacks, in build order.
-- Grain: one row per lock and node_key.
-- Reads: lock_states; `locks_table` names a table like lock_specs.
create or replace macro steps.lock_blockers(locks_table, snapshot_tag, stack_names) as table
select
    needs.lock,
    needs.node_key,
    list(
        missing.package || '/' || left(missing.hash, 7)
        -- Build order: a dependency never has more dependencies than what depends on it.
        order by len(missing.needed_keys), missing.package, missing.hash
    ) as blocked_by
from (
    select
        lock,
        node_key,
        unnest(needed_keys) as needed_key
    from query_table(locks_table)
) as needs
inner join steps.lock_states(locks_table, snapshot_tag, stack_names) as missing
    on missing.lock = needs.lock
    and missing.node_key = needs.needed_key
where missing.state = 'build'
group by needs.lock, needs.node_key;
