-- Packages with several builds of one configuration in a snapshot, those with the most first.
-- Grain: one row per tag and package; ties share a rank. Builds that differ in a dependency serve
-- different users; those equal in what they link and run are built twice for the same.
-- Reads: duplicate_builds
create or replace view duplicate_packages as
select
    tag,
    rank() over (partition by tag order by surplus_spec_count desc) as rank,
    package,
    build_count,
    spec_count,
    surplus_spec_count,
    dependency_surplus_count,
    build_only_surplus_count,
    unknown_surplus_count,
    differing_dependencies
from (
    select
        tag,
        package,
        count(*) as build_count,
        sum(spec_count)::bigint as spec_count,
        sum(spec_count - 1)::bigint as surplus_spec_count,
        coalesce(sum(spec_count - 1) filter (where differs_in = 'dependency'), 0)::bigint
            as dependency_surplus_count,
        coalesce(
            sum(spec_count - 1) filter (where differs_in = 'build dependency only'), 0
        )::bigint as build_only_surplus_count,
        coalesce(sum(spec_count - 1) filter (where differs_in = 'unknown'), 0)::bigint
            as unknown_surplus_count,
        list_sort(list_distinct(flatten(list(differing_dependencies)))) as differing_dependencies
    from duplicate_builds
    group by all
);
