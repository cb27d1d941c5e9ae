-- No two rows of any table but spec_stacks, which has a check of its own, have the same key.
-- Reads: pages, rejects, targets, dependencies, spec_compilers, lock_specs, stack_roots,
-- stack_states
select
    'pages' as table_name,
    concat_ws(', ', tag, package) as key,
    count(*) as row_count
from pages
group by tag, package
having count(*) > 1
union all
select
    'rejects',
    concat_ws(', ', page, item, code),
    count(*)
from rejects
-- A page may have several rejected specs, each one once.
where item is not null
group by page, item, code
having count(*) > 1
union all
select
    'targets',
    concat_ws(', ', host_target, binary_target),
    count(*)
from targets
group by host_target, binary_target
having count(*) > 1
union all
select
    'dependencies',
    concat_ws(', ', tag, hash, dependency_hash),
    count(*)
from dependencies
group by tag, hash, dependency_hash
having count(*) > 1
union all
select
    'spec_compilers',
    concat_ws(', ', tag, hash, language),
    count(*)
from spec_compilers
group by tag, hash, language
having count(*) > 1
union all
select
    'lock_specs',
    concat_ws(', ', lock, node_key),
    count(*)
from lock_specs
group by lock, node_key
having count(*) > 1
union all
select
    'stack_roots',
    concat_ws(', ', stack, number),
    count(*)
from stack_roots
group by stack, number
having count(*) > 1
union all
select
    'stack_states',
    concat_ws(', ', tag, stack, number),
    count(*)
from stack_states
group by tag, stack, number
having count(*) > 1
