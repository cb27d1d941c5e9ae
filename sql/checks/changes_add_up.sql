-- A snapshot has the cells of the previous one, minus those lost, plus those gained.
-- Reads: snapshot_tags, spec_stacks, snapshot_changes
with pair as (
    select
        tag,
        previous_tag
    from steps.snapshot_tags
    where tag = $tag
        and previous_tag is not null
),

found as (
    select distinct
        spec_stacks.tag,
        spec_stacks.package,
        spec_stacks.platform,
        spec_stacks.os,
        spec_stacks.target
    from spec_stacks
    inner join pair on spec_stacks.tag in (pair.tag, pair.previous_tag)
),

counts as (
    select
        (select count(*) from found semi join pair on pair.previous_tag = found.tag)
            as previous_cell_count,
        (select count(*) from found semi join pair on pair.tag = found.tag) as cell_count,
        count(*) filter (where change = 'gained') as gained_count,
        count(*) filter (where change = 'lost') as lost_count
    from snapshot_changes
    where tag = $tag
)

select
    pair.tag,
    pair.previous_tag,
    counts.previous_cell_count,
    counts.cell_count,
    counts.gained_count,
    counts.lost_count
from pair
cross join counts
where counts.previous_cell_count + counts.gained_count - counts.lost_count <> counts.cell_count
