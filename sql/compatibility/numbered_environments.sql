-- Environments of a snapshot with the glibc of their binaries, numbered.
-- Grain: one row per tag, platform, os, target and glibc; environment_number is unique by tag.
-- environment_bit is a string of as many bits as the snapshot has such environments, of which one
-- is set: a set of environments is then a bit string, too, and unions and intersections are cheap.
-- Reads: built_cells
create or replace view steps.numbered_environments as
select
    tag,
    platform,
    os,
    target,
    glibc,
    environment_number,
    set_bit(repeat('0', environment_count::integer)::bit, environment_number::integer - 1, 1)
        as environment_bit
from (
    select
        tag,
        platform,
        os,
        target,
        glibc,
        row_number() over (partition by tag order by platform, os, target, glibc)
            as environment_number,
        count(*) over (partition by tag) as environment_count
    from (select distinct tag, platform, os, target, glibc from steps.built_cells)
);
