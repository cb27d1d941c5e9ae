-- Packages of a snapshot whose pages were refused, and whether an index was.
-- Grain: one row per tag; snapshots with a refused page or index.
-- Reads: rejects
create or replace view steps.refused_sources as
select
    tag,
    coalesce(list(distinct package) filter (where package is not null), []) as packages,
    bool_or(package is null) as has_index
from main.rejects
where item is null
    and tag is not null
group by all;
