-- The stacks, environments and packages of each snapshot, and the size of each.
-- Grain: one row per tag, member_kind and member.
-- Reads: stack_specs, cells
create or replace view steps.snapshot_members as
with stack_cells as (
    select
        tag,
        stack,
        package,
        platform,
        os,
        target,
        count(*) as spec_count
    from steps.stack_specs
    group by all
),

stacks as (
    select
        tag,
        'stack' as member_kind,
        stack as member,
        count(distinct package) as package_count,
        count(*) as cell_count,
        sum(spec_count)::bigint as spec_count
    from stack_cells
    group by all
),

others as (
    select
        tag,
        unnest([
            {member_kind: 'environment', member: concat_ws('-', platform, os, target)},
            {member_kind: 'package', member: package}
        ], recursive := true),
        package,
        spec_count
    from steps.cells
)

select
    tag,
    member_kind,
    member,
    package_count,
    cell_count,
    spec_count
from stacks
union all
select
    tag,
    member_kind,
    member,
    count(distinct package),
    count(*),
    sum(spec_count)::bigint
from others
group by all;
