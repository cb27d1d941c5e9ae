-- How many roots of lock files are complete in each snapshot and each of its stacks.
-- Grain: one row per lock, tag, is_snapshot and stack; no row where none is complete.
-- Reads: lock_holdings; `locks_table` names a table like lock_specs.
create or replace macro steps.lock_complete_roots(locks_table) as table
select
    held.lock,
    held.tag,
    held.is_snapshot,
    held.stack,
    count(*) as complete_root_count
from (
    select
        needs.lock,
        needs.root_key,
        holdings.tag,
        holdings.is_snapshot,
        holdings.stack,
        count(*) as held_count
    from (
        select
            lock,
            node_key as root_key,
            unnest(needed_keys || [node_key]) as needed_key
        from query_table(locks_table)
        where is_root
    ) as needs
    inner join steps.lock_holdings(locks_table) as holdings
        on holdings.lock = needs.lock
        and holdings.node_key = needs.needed_key
    group by all
) as held
inner join (
    select
        roots.lock,
        roots.root_key,
        count(*) as needed_count
    from (
        select
            lock,
            node_key as root_key,
            unnest(needed_keys || [node_key]) as needed_key
        from query_table(locks_table)
        where is_root
    ) as roots
    inner join query_table(locks_table) as needed
        on needed.lock = roots.lock
        and needed.node_key = roots.needed_key
    where not needed.is_external
    group by all
) as sizes
    on sizes.lock = held.lock
    and sizes.root_key = held.root_key
    and sizes.needed_count = held.held_count
group by all;
