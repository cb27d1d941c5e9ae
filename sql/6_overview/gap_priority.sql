-- Packages that lack an environment, the most nearly complete first, and what they lack.
-- Grain: one row per tag and package with a gap; those with as many covered share a rank.
-- Reads: gaps
create or replace view gap_priority as
select
    tag,
    rank() over (partition by tag order by covered_count desc) as rank,
    package,
    covered_count,
    environment_count,
    covered_pct,
    missing
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
);
