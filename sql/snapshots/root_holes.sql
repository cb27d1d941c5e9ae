-- Specs that a stack has and the root index lacks, in snapshots with a root index.
-- Grain: one row per tag, package and hash.
-- Reads: specs, spec_stacks
create or replace view root_holes as
with rooted as (
    select distinct tag
    from spec_stacks
    where stack = 'root'
)

select
    specs.tag,
    specs.package,
    specs.hash,
    specs.stacks
from specs
semi join rooted on rooted.tag = specs.tag
where not specs.is_in_root
    and len(specs.stacks) > 0;
