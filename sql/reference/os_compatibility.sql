-- Which operating system runs another's binaries: both on glibc, the binary's not the newer one.
-- Grain: one row per host_os and binary_os; they differ, and are of one platform.
-- Reads: operating_systems; the rule is the one by which Spack reuses binaries of another os.
create or replace view os_compatibility as
select
    host.os as host_os,
    built.os as binary_os,
    host.platform,
    host.libc_version as host_libc_version,
    built.libc_version as binary_libc_version
from operating_systems as host
inner join operating_systems as built
    on built.platform = host.platform
    and built.os <> host.os
where host.libc = 'glibc'
    and built.libc = 'glibc'
    -- As numbers: 2.9 is older than 2.17.
    and string_split(built.libc_version, '.')::integer[]
        <= string_split(host.libc_version, '.')::integer[];
