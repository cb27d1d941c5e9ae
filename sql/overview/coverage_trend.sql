-- The size of each weekly snapshot, and how many cells changed since the one before.
-- Grain: one row per tag; weekly snapshots. The counts of changes are null in the first.
-- Reads: snapshots, snapshot_tags, spec_stacks, specs, environments, cells, snapshot_changes
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
        count(*) filter (where changes.change = 'downgraded') as downgraded_cell_count,
        count(*) filter (where changes.change = 'versions changed') as versions_changed_cell_count,
        count(*) filter (where changes.change = 'rebuilt') as rebuilt_cell_count
    from steps.snapshot_tags
    left join snapshot_changes as changes on changes.tag = snapshot_tags.tag
    where snapshot_tags.previous_tag is not null
    group by all
),

earlier_specs as (
    select distinct
        snapshot_tags.tag,
        spec_stacks.package,
        spec_stacks.hash
    from steps.snapshot_tags
    -- From the table itself: only there does DuckDB skip the tags that are not asked for.
    inner join spec_stacks on spec_stacks.tag = snapshot_tags.previous_tag
    where snapshot_tags.kind = 'weekly'
),

kept as (
    select
        earlier_specs.tag,
        count(specs.hash) as kept_spec_count
    from earlier_specs
    left join specs
        on specs.tag = earlier_specs.tag
        and specs.package = earlier_specs.package
        and specs.hash = earlier_specs.hash
    group by all
)

select
    snapshots.tag,
    snapshots.snapshot_date,
    snapshots.previous_tag,
    date_diff('day', previous.snapshot_date, snapshots.snapshot_date) as days_since_previous,
    previous.spec_count as previous_spec_count,
    kept.kept_spec_count,
    100.0 * kept.kept_spec_count / nullif(previous.spec_count, 0) as kept_pct,
    -- Since 2025-03-30, the site writes compiler `none` for a spec that depends on no compiler.
    coalesce(
        previous.snapshot_date < date '2025-03-30'
        and snapshots.snapshot_date >= date '2025-03-30',
        false
    ) as is_model_change,
    snapshots.package_count,
    snapshots.spec_count,
    coalesce(environment_counts.environment_count, 0) as environment_count,
    coalesce(cell_counts.cell_count, 0) as cell_count,
    changes_by_kind.gained_cell_count,
    changes_by_kind.lost_cell_count,
    changes_by_kind.upgraded_cell_count,
    changes_by_kind.rebuilt_cell_count,
    changes_by_kind.downgraded_cell_count,
    changes_by_kind.versions_changed_cell_count
from snapshots
left join snapshots as previous on previous.tag = snapshots.previous_tag
left join kept on kept.tag = snapshots.tag
left join environment_counts on environment_counts.tag = snapshots.tag
left join cell_counts on cell_counts.tag = snapshots.tag
left join changes_by_kind on changes_by_kind.tag = snapshots.tag
where snapshots.kind = 'weekly';
