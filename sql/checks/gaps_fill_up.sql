-- Cells and gaps of a snapshot together are every package in every environment.
-- Reads: cells, environments, gaps
with counts as (
    select
        (select count(distinct package) from steps.cells where tag = $tag) as package_count,
        (select count(*) from environments where tag = $tag) as environment_count,
        (select count(*) from steps.cells where tag = $tag) as cell_count,
        (select count(*) from gaps where tag = $tag) as gap_count
)

select
    $tag as tag,
    package_count,
    environment_count,
    cell_count,
    gap_count
from counts
where package_count * environment_count <> cell_count + gap_count
