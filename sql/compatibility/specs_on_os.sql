-- Specs of a snapshot that run on an operating system by Spack's rule, whatever their target.
-- Grain: one row per package and hash; host_libc is the host's glibc version, or null.
-- Reads: specs, recorded_libcs, os_compatibility, operating_systems
create or replace macro steps.specs_on_os(snapshot_tag, host_os, host_libc) as table
select
    package,
    hash
from (
    select
        specs.package,
        specs.hash,
        specs.os = host_os as is_same_os,
        os_compatibility.binary_os is not null as is_compatible_os,
        specs.platform = coalesce(host.platform, 'linux') as is_same_platform,
        try_cast(
            string_split(
                coalesce(host_libc, case when host.libc = 'glibc' then host.libc_version end), '.'
            ) as integer[]
        ) as host_glibc,
        coalesce(
            recorded_libcs.glibc,
            case when built.libc = 'glibc' then string_split(built.libc_version, '.')::integer[] end
        ) as built_glibc
    from main.specs
    left join main.operating_systems as host on host.os = host_os
    left join main.operating_systems as built on built.os = specs.os
    left join main.os_compatibility
        on os_compatibility.binary_os = specs.os
        and os_compatibility.platform = specs.platform
        and os_compatibility.host_os = host_os
    left join steps.recorded_libcs
        on recorded_libcs.tag = specs.tag
        and recorded_libcs.hash = specs.hash
    where specs.tag = snapshot_tag
)
where is_same_os
    or case
        when host_glibc is not null and built_glibc is not null
            then is_same_platform and built_glibc <= host_glibc
        else is_compatible_os
    end;
