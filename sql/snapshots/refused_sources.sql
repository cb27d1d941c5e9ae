-- What of a snapshot could not be read as a whole: packages whose pages were refused, and indexes.
-- Grain: one row per tag; snapshots with a refused page or index.
-- Reads: rejects
create or replace view steps.refused_sources as
select
    tag,
    coalesce(list(distinct package) filter (where package is not null), []) as packages,
    bool_or(package is null) as has_index,
    -- Empty for an index that names no stack.
    coalesce(
        list(distinct coalesce(stack, '')) filter (where package is null), []
    ) as index_stacks
from main.rejects
where item is null
    and tag is not null
group by all;
