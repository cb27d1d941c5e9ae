-- Specs of a snapshot that run on a host by Spack's rule: same os, or an older libc.
-- Grain: one row per package and hash; is_host_libc_known says whether binaries of other
-- operating systems could be judged. `host_libc` is the host's glibc version, for an os that is not
-- in operating_systems. Where an index records a spec's glibc as an external, that one decides.
-- Spack also needs the compiler's runtime, which is a spec of its own (gcc-runtime).
-- Reads: usable_specs, specs_on_os, operating_systems
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
inner join steps.specs_on_os(snapshot_tag, host_os, host_libc) as on_os
    on on_os.package = usable.package
    and on_os.hash = usable.hash
left join operating_systems as host on host.os = host_os;
