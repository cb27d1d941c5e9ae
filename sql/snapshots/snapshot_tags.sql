-- The snapshots' tags: what kind each is, and which one of its kind came before.
-- Grain: one row per tag.
-- Reads: pages, spec_stacks, version_key
create or replace view steps.snapshot_tags as
with tags as (
    select tag from main.pages
    union
    select tag from main.spec_stacks
),

dates as (
    select
        tag,
        case
            when regexp_full_match(tag, 'develop-[0-9]{4}-[0-9]{2}-[0-9]{2}')
                then try_cast(right(tag, 10) as date)
        end as snapshot_date
    from tags
),

kinds as (
    select
        tag,
        case
            when tag = 'develop' then 'rolling'
            when snapshot_date is not null then 'weekly'
            when regexp_full_match(tag, 'v[0-9]+[.][0-9]+[.][0-9]+') then 'release'
            else 'other'
        end as kind,
        snapshot_date
    from dates
)

select
    tag,
    kind,
    snapshot_date,
    -- Tags of no known kind have no order.
    case
        when kind <> 'other'
            then lag(tag) over (
                partition by kind
                order by snapshot_date, main.version_key(tag), tag
            )
    end as previous_tag
from kinds;
