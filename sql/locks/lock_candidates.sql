-- Specs of a snapshot, or of some of its stacks, whose packages are in the lock files.
-- Grain: one row per package and hash.
-- Reads: spec_stacks; `locks_table` names a table like lock_specs; without `stack_names`, all
-- specs.
create or replace macro steps.lock_candidates(locks_table, snapshot_tag, stack_names) as table
select
    package,
    hash,
    any_value(version) as version,
    any_value(platform) as platform,
    any_value(os) as os,
    any_value(target) as target,
    any_value(compiler) as compiler,
    -- The lists are equal, so take any; sorted, since pages and lock files order variants freely.
    list_sort(arg_min(variants, 1)) as variants,
    any_value(size_bytes) as size_bytes,
    any_value(flags) as flags,
    any_value(namespace) as namespace,
    any_value(package_hash) as package_hash,
    coalesce(list(stack order by stack) filter (where stack <> 'root'), []) as stacks
from main.spec_stacks
where tag = snapshot_tag
    and package in (select package from query_table(locks_table))
group by package, hash
having len(stack_names) = 0
    or bool_or(list_contains(stack_names, stack));
