-- Roots of a stack's environment file that a snapshot lacks, or has only without requirements met.
-- Grain: one row per tag, stack and number.
-- Reads: stack_states, stack_roots, snapshots, version_key
create or replace view stack_missing as
with history as (
    select
        stack_states.*,
        last_value(case when stack_states.requirements_met then stack_states.tag end ignore nulls)
            over (
                partition by stack_states.stack, stack_states.number, snapshots.kind
                order by snapshots.snapshot_date, version_key(stack_states.tag), stack_states.tag
                rows between unbounded preceding and 1 preceding
            ) as missing_since
    from stack_states
    inner join snapshots on snapshots.tag = stack_states.tag
)

select
    history.tag,
    history.stack,
    history.number,
    stack_roots.group_name,
    stack_roots.spec,
    stack_roots.package,
    history.state,
    history.reason,
    history.requirements_met,
    history.unmet,
    history.missing_since,
    history.also_in,
    stack_roots.file,
    stack_roots.line
from history
inner join stack_roots
    on stack_roots.stack = history.stack
    and stack_roots.number = history.number
where history.state = 'missing'
    or not history.requirements_met;
