-- As usable_on, with the binaries of other operating systems whose glibc is not newer.
-- Grain: one row per package and hash.
-- Reads: usable_specs, os_compatibility, operating_systems
create or replace macro usable_on_any_os(snapshot_tag, host_os, host_target) as table
select
    usable.tag,
    usable.package,
    usable.version,
    usable.compiler,
    usable.os,
    usable.target,
    usable.hash,
    usable.stacks,
    usable.target_match,
    case when usable.os = host_os then 'exact' else 'older libc' end as os_match,
    -- Where it is not, only exact matches can be given.
    host.libc_version is not null as is_host_libc_known
from steps.usable_specs(snapshot_tag, host_target) as usable
left join os_compatibility
    on os_compatibility.binary_os = usable.os
    and os_compatibility.platform = usable.platform
    and os_compatibility.host_os = host_os
left join operating_systems as host on host.os = host_os
where usable.os = host_os
    or os_compatibility.binary_os is not null;
