-- Packages built by each compiler in each environment, with the oldest glibc that runs them.
-- Grain: one row per tag, package, compiler, platform, os and target; glibc is null unless a spec
-- records it or operating_systems has that of the os.
-- Reads: specs, recorded_libcs, operating_systems
create or replace view steps.built_cells as
with system_libcs as (
    select
        os,
        string_split(libc_version, '.')::integer[] as glibc
    from main.operating_systems
    where libc = 'glibc'
)

select
    specs.tag,
    specs.package,
    specs.compiler,
    specs.platform,
    specs.os,
    specs.target,
    min(coalesce(recorded_libcs.glibc, system_libcs.glibc)) as glibc
from main.specs
left join steps.recorded_libcs
    on recorded_libcs.tag = specs.tag
    and recorded_libcs.hash = specs.hash
left join system_libcs on system_libcs.os = specs.os
group by all;
