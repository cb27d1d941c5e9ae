-- The newest snapshot of each kind that holds a spec; rank 1 is the default of commands.
-- Grain: one row per kind.
-- Reads: snapshots, version_key
create or replace view newest_snapshots as
with newest as (
    select
        kind,
        tag,
        row_number() over (
            partition by kind
            order by snapshot_date desc, version_key(tag) desc, tag desc
        ) as position
    from snapshots
    where spec_count > 0
)

select
    kind,
    tag,
    -- Weekly snapshots have dates and can be compared; the rolling one is only ever today's.
    row_number() over (
        order by
            list_position(
                ['weekly', 'dated', 'rolling', 'versioned', 'release', 'other'], kind
            )
    ) as rank
from newest
where position = 1;
