-- A spec and a stack that lists it are one row of spec_stacks.
-- Reads: spec_stacks
with repeated as (
    -- Numbers are grouped much faster than texts; the few that look alike are then looked at.
    select hash(tag, package, hash, stack) as number
    from spec_stacks
    group by all
    having count(*) > 1
)

select
    tag,
    package,
    hash,
    stack,
    count(*) as row_count
from spec_stacks
where hash(tag, package, hash, stack) in (select number from repeated)
group by all
having count(*) > 1
