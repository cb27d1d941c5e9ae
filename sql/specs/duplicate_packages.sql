-- Packages with several builds of one configuration in a snapshot, the most wasteful first.
-- Grain: one row per tag and package; ties share a rank.
-- Reads: duplicate_builds
create or replace view duplicate_packages as
select
    tag,
    rank() over (partition by tag order by surplus_spec_count desc) as rank,
    package,
    build_count,
    spec_count,
    surplus_spec_count
from (
    select
        tag,
        package,
        count(*) as build_count,
        sum(spec_count)::bigint as spec_count,
        sum(spec_count - 1)::bigint as surplus_spec_count
    from duplicate_builds
    group by all
);
