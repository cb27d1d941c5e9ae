-- The specs of each stack; `root` is not a stack.
-- Grain: one row per tag, stack, package and hash.
-- Reads: spec_stacks
create or replace view steps.stack_specs as
select
    tag,
    stack,
    package,
    hash,
    os,
    platform,
    target
from main.spec_stacks
where stack <> 'root';
