-- Binaries of a snapshot that each of its operating systems runs, by Spack's rule.
-- Grain: one row per tag, host_os, platform, os and glibc; the last three are the binary's, and
-- glibc is null if unknown.
-- Reads: built_cells, os_compatibility, operating_systems
create or replace view steps.runnable_systems as
with built as (
    select distinct
        tag,
        platform,
        os,
        glibc
    from steps.built_cells
),

names as (
    select tag, os from built
    union
    select
        platforms.tag,
        operating_systems.os
    from (select distinct tag, platform from built) as platforms
    inner join main.operating_systems on operating_systems.platform = platforms.platform
    where operating_systems.libc_version is not null
),

hosts as (
    select
        names.tag,
        names.os,
        operating_systems.platform,
        case
            when operating_systems.libc = 'glibc'
                then string_split(operating_systems.libc_version, '.')::integer[]
        end as glibc
    from names
    left join main.operating_systems on operating_systems.os = names.os
)

select
    built.tag,
    hosts.os as host_os,
    built.platform,
    built.os,
    built.glibc
from built
inner join hosts on hosts.tag = built.tag
left join main.os_compatibility
    on os_compatibility.host_os = hosts.os
    and os_compatibility.binary_os = built.os
    and os_compatibility.platform = built.platform
where built.os = hosts.os
    or case
        when built.glibc is not null and hosts.glibc is not null
            then built.platform = hosts.platform and built.glibc <= hosts.glibc
        else os_compatibility.binary_os is not null
    end;
