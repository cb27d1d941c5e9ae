-- Each spec and stack is one row of spec_stacks.
-- Reads: spec_stacks
with repeated as (
    -- Numbers group much faster than strings; only collisions are then compared in full.
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
