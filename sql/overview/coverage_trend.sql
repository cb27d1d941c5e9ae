-- How the weekly snapshots grow, and how many of their cells changed from one to the next.
-- Grain: one row per tag; weekly snapshots. The first has no changes to count: there they are null.
-- Reads: snapshots, snapshot_tags, environments, cells, snapshot_changes
create or replace view coverage_trend as
with environment_counts as (
    select
        tag,
        count(*) as environment_count
    from environments
    group by all
),

cell_counts as (
    select
        tag,
        count(*) as cell_count
    from steps.cells
    group by all
),

changes_by_kind as (
    select
        snapshot_tags.tag,
        count(*) filter (where changes.change = 'gained') as gained_cell_count,
        count(*) filter (where changes.change = 'lost') as lost_cell_count,
        count(*) filter (where changes.change = 'upgraded') as upgraded_cell_count,
        count(*) filter (where changes.change = 'rebuilt') as rebuilt_cell_count
    from steps.snapshot_tags
    left join snapshot_changes as changes on changes.tag = snapshot_tags.tag
    where snapshot_tags.previous_tag is not null
    group by all
)

select
    snapshots.tag,
    snapshots.snapshot_date,
    snapshots.previous_tag,
    snapshots.package_count,
    snapshots.spec_count,
    coalesce(environment_counts.environment_count, 0) as environment_count,
    coalesce(cell_counts.cell_count, 0) as cell_count,
    changes_by_kind.gained_cell_count,
    changes_by_kind.lost_cell_count,
    changes_by_kind.upgraded_cell_count,
    changes_by_kind.rebuilt_cell_count
from snapshots
left join environment_counts on environment_counts.tag = snapshots.tag
left join cell_counts on cell_counts.tag = snapshots.tag
left join changes_by_kind on changes_by_kind.tag = snapshots.tag
where snapshots.kind = 'weekly';
