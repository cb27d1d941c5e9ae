-- How much of each lock file each snapshot and each of its stacks has.
-- Grain: one row per lock, tag, is_snapshot and stack; is_snapshot marks the row of the
-- snapshot as a whole, whose stack is null.
-- Reads: spec_stacks, lock_holdings, lock_complete_roots; `locks_table` names a table like
-- lock_specs.
create or replace macro steps.lock_snapshots_of(locks_table) as table
select
    locks.lock,
    mirrors.tag,
    mirrors.is_snapshot,
    mirrors.stack,
    locks.lock_spec_count,
    coalesce(cached.cached_count, 0) as cached_count,
    100.0 * coalesce(cached.cached_count, 0) / nullif(locks.lock_spec_count, 0) as cached_pct,
    locks.lock_spec_count - coalesce(cached.cached_count, 0) as to_build_count,
    locks.external_count,
    locks.root_count,
    coalesce(complete.complete_root_count, 0) + locks.external_root_count as complete_root_count,
    cached.download_bytes
from (
    select
        lock,
        count(*) filter (where not is_external) as lock_spec_count,
        count(*) filter (where is_external) as external_count,
        count(*) filter (where is_root) as root_count,
        -- An external root without dependencies needs nothing from the cache.
        count(*) filter (where is_root and is_external and len(needed_keys) = 0)
            as external_root_count
    from query_table(locks_table)
    group by all
) as locks
cross join (
    select
        tag,
        stack,
        grouping(stack) = 1 as is_snapshot
    from main.spec_stacks
    group by grouping sets ((tag), (tag, stack))
    having grouping(stack) = 1
        or stack is not null
) as mirrors
left join (
    select
        lock,
        tag,
        is_snapshot,
        stack,
        count(*) as cached_count,
        sum(size_bytes)::bigint as download_bytes
    from steps.lock_holdings(locks_table)
    group by all
) as cached
    on cached.lock = locks.lock
    and cached.tag = mirrors.tag
    and cached.is_snapshot = mirrors.is_snapshot
    and cached.stack is not distinct from mirrors.stack
left join steps.lock_complete_roots(locks_table) as complete
    on complete.lock = locks.lock
    and complete.tag = mirrors.tag
    and complete.is_snapshot = mirrors.is_snapshot
    and complete.stack is not distinct from mirrors.stack;
