-- Several builds of one configuration: equal in everything but the hash, so a dependency differs.
-- Grain: one row per tag, package, version, compiler, os, platform, target, variants, flags and
-- namespace; the last two are null for specs from pages, which give neither. `differs_in` is
-- `dependency` (a link or run dependency), `build dependency only`, which no user notices, or
-- `unknown`: no index gives the dependencies, or the difference lies deeper.
-- Reads: dependencies, specs
create or replace view duplicate_builds as
with groups as (
    select
        tag,
        package,
        version,
        compiler,
        os,
        platform,
        target,
        variants,
        flags,
        namespace,
        count(*) as spec_count,
        list(hash order by hash) as "hashes"
    from specs
    group by all
    having count(*) > 1
),

numbered as (
    select
        row_number() over () as group_number,
        tag,
        package,
        version,
        compiler,
        os,
        platform,
        target,
        variants,
        flags,
        namespace,
        spec_count,
        "hashes"
    from groups
),

members as (
    select
        group_number,
        tag,
        spec_count,
        unnest("hashes") as hash
    from numbered
),

shared as (
    select
        members.group_number,
        members.spec_count,
        dependencies.dependency_name,
        dependencies.dependency_hash,
        bool_or(list_has_any(dependencies.deptypes, ['link', 'run'])) as is_needed,
        count(*) as member_count
    from members
    inner join dependencies
        on dependencies.tag = members.tag
        and dependencies.hash = members.hash
    group by all
),

differing as (
    select
        group_number,
        bool_or(is_needed) as is_needed,
        list(distinct dependency_name order by dependency_name) as differing_dependencies
    from shared
    where member_count < spec_count
    group by all
)

select
    numbered.tag,
    numbered.package,
    numbered.version,
    numbered.compiler,
    numbered.os,
    numbered.platform,
    numbered.target,
    numbered.variants,
    numbered.flags,
    numbered.namespace,
    numbered.spec_count,
    numbered."hashes",
    case
        when differing.is_needed then 'dependency'
        when not differing.is_needed then 'build dependency only'
        else 'unknown'
    end as differs_in,
    coalesce(differing.differing_dependencies, []) as differing_dependencies
from numbered
left join differing on differing.group_number = numbered.group_number;
