-- Every version of any package, with its place in Spack's order.
-- Grain: one row per version.
-- Reads: spec_stacks, version_key
create or replace view version_order as
with versions as (
    select distinct version
    from spec_stacks
),

keys as (
    select
        version,
        version_key(version) as version_key
    from versions
)

select
    version,
    version_key,
    -- 1.1 and 1.01 are equal to Spack: their text breaks the tie, so the order is deterministic.
    row_number() over (order by version_key, version) as version_position
from keys;
