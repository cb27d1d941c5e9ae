-- Which specs of lock files each snapshot and each of its stacks has.
-- Grain: one row per lock, node_key, tag, is_snapshot and stack; is_snapshot marks the rows of the
-- snapshot as a whole.
-- Reads: spec_stacks; `locks_table` names a table like lock_specs.
create or replace macro steps.lock_holdings(locks_table) as table
select
    nodes.lock,
    nodes.node_key,
    specs.tag,
    grouping(specs.stack) = 1 as is_snapshot,
    specs.stack,
    any_value(specs.size_bytes) as size_bytes
from query_table(locks_table) as nodes
inner join main.spec_stacks as specs
    on specs.package = nodes.package
    and specs.hash = nodes.hash
where not nodes.is_external
group by grouping sets (
    (nodes.lock, nodes.node_key, specs.tag),
    (nodes.lock, nodes.node_key, specs.tag, specs.stack)
);
