-- Specs of a snapshot that run on a host by Spack's rule: same os, or an older libc.
-- Grain: one row per package and hash; is_host_libc_known says whether binaries of other
-- operating systems could be judged. `host_libc` is the host's glibc version, for an os that is not
-- in operating_systems. Where an index records a spec's glibc as an external, that one decides.
-- Spack also needs the compiler's runtime, which is a spec of its own (gcc-runtime).
-- Reads: usable_specs, dependencies, os_compatibility, operating_systems
create or replace macro usable_on_any_os(
    snapshot_tag, host_os, host_target, host_libc := null
) as table
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
    case
        when usable.os <> host_os then 'older libc'
        when usable.target_match = 'exact' then 'exact'
        else 'same os'
    end as os_match,
    coalesce(host_libc, host.libc_version) is not null as is_host_libc_known
from steps.usable_specs(snapshot_tag, host_target) as usable
left join operating_systems as host on host.os = host_os
left join operating_systems as built on built.os = usable.os
left join os_compatibility
    on os_compatibility.binary_os = usable.os
    and os_compatibility.platform = usable.platform
    and os_compatibility.host_os = host_os
left join (
    select
        hash,
        max(dependency_version) as libc_version
    from dependencies
    where tag = snapshot_tag
        and dependency_name = 'glibc'
        and is_external
    group by hash
) as recorded
    on recorded.hash = usable.hash
where usable.os = host_os
    or case
        when coalesce(
                host_libc, case when host.libc = 'glibc' then host.libc_version end
            ) is not null
            and coalesce(
                recorded.libc_version, case when built.libc = 'glibc' then built.libc_version end
            ) is not null
            then usable.platform = coalesce(host.platform, 'linux')
                and try_cast(
                    string_split(
                        coalesce(recorded.libc_version, built.libc_version), '.'
                    ) as integer[]
                )
                <= try_cast(
                    string_split(coalesce(host_libc, host.libc_version), '.') as integer[]
                )
        else os_compatibility.binary_os is not null
    end;
