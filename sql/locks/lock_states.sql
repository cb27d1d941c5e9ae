-- The state of each spec of lock files against a snapshot, or some of its stacks.
-- Grain: one row per lock and node_key.
-- Reads: lock_candidates; `locks_table` names a table like lock_specs.
create or replace macro steps.lock_states(locks_table, snapshot_tag, stack_names) as table
select
    nodes.lock,
    nodes.node_key,
    nodes.package,
    nodes.hash,
    nodes.needed_keys,
    case
        when nodes.is_external then 'external'
        when held.hash is not null then 'cached'
        else 'build'
    end as state,
    held.stacks,
    held.size_bytes
from query_table(locks_table) as nodes
left join steps.lock_candidates(locks_table, snapshot_tag, stack_names) as held
    on held.package = nodes.package
    and held.hash = nodes.hash
    and not nodes.is_external;
