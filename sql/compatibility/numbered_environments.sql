-- Environments of a snapshot with the glibc of their binaries, numbered.
-- Grain: one row per tag, platform, os, target and glibc; environment_number is unique by tag.
-- Reads: built_cells
create or replace view steps.numbered_environments as
select
    tag,
    platform,
    os,
    target,
    glibc,
    row_number() over (partition by tag order by platform, os, target, glibc) as environment_number
from (select distinct tag, platform, os, target, glibc from steps.built_cells);
