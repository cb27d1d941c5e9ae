-- Which operating systems run another's binaries, by Spack's rules for reuse.
-- Grain: one row per host_os and binary_os; different, and of one platform.
-- Reads: operating_systems; on Linux Spack 0.22 and later reuses a binary if the host's glibc is
-- not older than the one that it was built with (lib/spack/spack/solver/libc_compatibility.lp);
-- a newer macOS reuses the binaries of an older one (os_compatibility.lp beside it).
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
    and built.libc = host.libc
    and built.os <> host.os
where host.libc in ('glibc', 'libSystem')
    -- As numbers: 2.9 is older than 2.17.
    and string_split(built.libc_version, '.')::integer[]
        <= string_split(host.libc_version, '.')::integer[];
