-- How much each stack holds.
-- Grain: one row per tag and stack.
-- Reads: stack_specs
create or replace view steps.stack_sizes as
select
    tag,
    stack,
    count(distinct package) as package_count,
    count(*) as spec_count
from steps.stack_specs
group by all;
