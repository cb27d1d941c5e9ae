-- The stacks of each snapshot.
-- Grain: one row per tag and stack.
-- Reads: stack_specs
create or replace view steps.snapshot_stacks as
select distinct
    tag,
    stack
from steps.stack_specs;
