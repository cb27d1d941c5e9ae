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

members as (
    select
        tag,
        package,
        "hashes"[1] as first_hash,
        spec_count,
        unnest("hashes") as hash
    from groups
),

shared as (
    select
        members.tag,
        members.package,
        members.first_hash,
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
        tag,
        package,
        first_hash,
        bool_or(is_needed) as is_needed,
        list(distinct dependency_name order by dependency_name) as differing_dependencies
    from shared
    where member_count < spec_count
    group by all
)

select
    groups.tag,
    groups.package,
    groups.version,
    groups.compiler,
    groups.os,
    groups.platform,
    groups.target,
    groups.variants,
    groups.flags,
    groups.namespace,
    groups.spec_count,
    groups."hashes",
    case
        when differing.is_needed then 'dependency'
        when not differing.is_needed then 'build dependency only'
        else 'unknown'
    end as differs_in,
    coalesce(differing.differing_dependencies, []) as differing_dependencies
from groups
left join differing
    on differing.tag = groups.tag
    and differing.package = groups.package
    and differing.first_hash = groups."hashes"[1];
