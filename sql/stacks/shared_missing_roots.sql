-- Root specs in the environment files of several stacks that no stack of the snapshot has.
-- Grain: one row per tag and spec.
-- Reads: stack_states, stack_roots
create or replace view shared_missing_roots as
with roots as (
    select
        stack_states.tag,
        -- Files may have several spaces between parts.
        regexp_replace(stack_roots.spec, ' +', ' ', 'g') as spec,
        stack_roots.package,
        stack_states.stack,
        stack_states.state = 'missing' and len(stack_states.also_in) = 0 as is_missing
    from stack_states
    inner join stack_roots
        on stack_roots.stack = stack_states.stack
        and stack_roots.number = stack_states.number
)

select
    tag,
    spec,
    any_value(package) as package,
    count(distinct stack) as stack_count,
    list_sort(list(distinct stack)) as stacks
from roots
group by tag, spec
having count(distinct stack) > 1
    and bool_and(is_missing);
