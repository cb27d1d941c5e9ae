-- Packages that lack an environment, those first whose building would unlock most.
-- Grain: one row per tag and package; those with a gap, ranked by the packages that need it, where
-- that is known, and then by how nearly complete it is; those alike in both share a rank.
-- Reads: gaps, dependents
create or replace view gap_priority as
select
    missed.tag,
    rank() over (
        partition by missed.tag
        order by dependents.dependent_count desc nulls last, missed.covered_count desc
    ) as rank,
    missed.package,
    dependents.dependent_count,
    missed.covered_count,
    missed.environment_count,
    missed.covered_pct,
    missed.missing
from (
    select
        tag,
        package,
        covered_count,
        environment_count,
        covered_pct,
        -- Spack writes an environment so.
        list_sort(list(concat_ws('-', platform, os, target))) as missing
    from gaps
    group by all
) as missed
left join dependents
    on dependents.tag = missed.tag
    and dependents.package = missed.package;
