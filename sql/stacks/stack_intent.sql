-- How many roots of each stack's environment file each snapshot has.
-- Grain: one row per tag and stack; stacks with an environment file.
-- Reads: stack_states, stack_roots, stack_sizes
create or replace view stack_intent as
with counts as (
    select
        tag,
        stack,
        count(*) as root_count,
        count(*) filter (where requirements_met) as present_count,
        count(*) filter (where requirements_met and preferences_met) as preferred_count,
        count(*) filter (where not requirements_met) as unmet_count,
        count(*) filter (where state = 'missing') as missing_count,
        count(*) filter (
            where state = 'unknown' or (state = 'present' and requirements_met is null)
        ) as unknown_count
    from stack_states
    group by all
),

stack_notes as (
    select
        stack,
        any_value(notes) as notes
    from stack_roots
    group by all
)

select
    counts.tag,
    counts.stack,
    counts.root_count,
    counts.present_count,
    100 * counts.present_count / counts.root_count as present_pct,
    counts.preferred_count,
    counts.unmet_count,
    counts.missing_count,
    counts.unknown_count,
    coalesce(stack_sizes.spec_count, 0) as spec_count,
    stack_notes.notes
from counts
left join stack_notes on stack_notes.stack = counts.stack
left join steps.stack_sizes
    on stack_sizes.tag = counts.tag
    and stack_sizes.stack = counts.stack;
