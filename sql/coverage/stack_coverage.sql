-- How much each stack holds, and how much of that no other stack has.
-- Grain: one row per tag and stack.
-- Reads: stack_sizes, stack_specs, specs
create or replace view stack_coverage as
with sole_specs as (
    select
        tag,
        stacks[1] as stack,
        count(*) as sole_spec_count
    from specs
    where len(stacks) = 1
    group by all
),

cell_stacks as (
    select
        tag,
        package,
        os,
        target,
        min(stack) as stack
    from steps.stack_specs
    group by all
    having min(stack) = max(stack)
),

sole_cells as (
    select
        tag,
        stack,
        count(*) as sole_cell_count
    from cell_stacks
    group by all
)

select
    stack_sizes.tag,
    stack_sizes.stack,
    stack_sizes.package_count,
    stack_sizes.spec_count,
    coalesce(sole_specs.sole_spec_count, 0) as sole_spec_count,
    coalesce(sole_cells.sole_cell_count, 0) as sole_cell_count
from steps.stack_sizes
left join sole_specs
    on sole_specs.tag = stack_sizes.tag and sole_specs.stack = stack_sizes.stack
left join sole_cells
    on sole_cells.tag = stack_sizes.tag and sole_cells.stack = stack_sizes.stack;
