-- The snapshots' tags: the kind of each, and the one before it in its line.
-- Grain: one row per tag; line is null for kind `other`, whose tags have no order.
-- Reads: pages, spec_stacks, version_key
create or replace view steps.snapshot_tags as
with tags as (
    select tag from main.pages
    union
    select tag from main.spec_stacks
),

parts as (
    select
        tag,
        -- A day or month of this century, as 2026-11-01 or 2026-11, and the text around it.
        regexp_extract(
            tag,
            '^(|.*[^0-9])(20[0-9]{2})-([0-9]{2})(?:-([0-9]{2}))?(|[^0-9].*)$',
            ['before', 'year', 'month', 'day', 'behind']
        ) as dated,
        -- Numbers at the end, as 24.11, v2 or site-1.0, and the text before them.
        regexp_extract(
            tag, '^(|[A-Za-z+_-]*[-_])(v?[0-9]+(?:[.][0-9]+)*)$', ['before', 'numbers']
        ) as versioned
    from tags
),

dates as (
    select
        tag,
        dated,
        versioned,
        try_cast(
            concat_ws('-', dated.year, dated.month, coalesce(nullif(dated.day, ''), '01')) as date
        ) as snapshot_date
    from parts
),

kinds as (
    select
        tag,
        case
            when tag = 'develop' then 'rolling'
            when snapshot_date is not null and dated.day <> ''
                and dated.before = 'develop-' and dated.behind = ''
                then 'weekly'
            when regexp_full_match(tag, 'v[0-9]+[.][0-9]+[.][0-9]+') then 'release'
            when snapshot_date is not null then 'dated'
            when versioned.numbers <> '' then 'versioned'
            else 'other'
        end as kind,
        snapshot_date,
        dated,
        versioned
    from dates
),

lines as (
    select
        tag,
        kind,
        case when kind in ('weekly', 'dated') then snapshot_date end as snapshot_date,
        case kind
            -- Spack's own releases, and since 2025 those of its packages: v2025.06.0 does not
            -- follow v0.23.1.
            when 'release'
                then case when regexp_matches(tag, '^v[0-9]{4,}') then 'packages' else 'spack' end
            when 'dated' then dated.before || '*' || dated.behind
            when 'versioned' then versioned.before || '*'
            when 'other' then null
            else kind
        end as line
    from kinds
)

select
    tag,
    kind,
    line,
    snapshot_date,
    case
        when line is not null
            then lag(tag) over (
                partition by kind, line
                order by snapshot_date, main.version_key(tag), tag
            )
    end as previous_tag
from lines;
