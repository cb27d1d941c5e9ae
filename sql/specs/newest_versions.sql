-- The newest version of each package in a snapshot, and the environments that have an older one.
-- Grain: one row per tag, package, platform, os and target.
-- Reads: specs, version_order
create or replace view newest_versions as
with in_environment as (
    select
        specs.tag,
        specs.package,
        specs.platform,
        specs.os,
        specs.target,
        arg_max(specs.version, version_order.version_position) as version,
        max(version_order.version_position) as version_position,
        max(version_order.version_key) as version_key,
        bool_and(specs.version is not distinct from specs.compiler_version) as is_of_compiler
    from specs
    inner join version_order on version_order.version = specs.version
    group by all
),

in_snapshot as (
    select
        tag,
        package,
        arg_max(version, version_position) as version,
        max(version_key) as version_key,
        bool_and(is_of_compiler) as is_of_compiler
    from in_environment
    group by all
)

select
    in_environment.tag,
    in_environment.package,
    in_environment.platform,
    in_environment.os,
    in_environment.target,
    in_snapshot.version as newest_version,
    in_environment.version as environment_newest_version,
    -- A compiler's runtime has the compiler's version, so it never lags.
    in_environment.version_key < in_snapshot.version_key
        and not in_snapshot.is_of_compiler as is_lagging
from in_environment
inner join in_snapshot
    on in_snapshot.tag = in_environment.tag
    and in_snapshot.package = in_environment.package;
