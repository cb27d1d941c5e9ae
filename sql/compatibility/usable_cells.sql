-- Packages for each compiler, os and target of a snapshot: built for exactly these, or usable.
-- Grain: one row per tag, package, compiler, os, target and is_exact.
-- Reads: specs, targets
create or replace view steps.usable_cells as
with built as (
    select distinct
        tag,
        package,
        compiler,
        platform,
        os,
        target
    from main.specs
),

-- The targets of all platforms of an os: as in gaps, an os on two platforms counts once.
hosts as (
    select distinct
        built.tag,
        built.os,
        fellow.target
    from (select distinct tag, platform, os from built) as built
    inner join (select distinct tag, platform, target from built) as fellow
        on fellow.tag = built.tag
        and fellow.platform = built.platform
),

compilers as (
    select distinct
        tag,
        compiler,
        os
    from built
    where compiler <> 'none'
),

usable as (
    select distinct
        built.tag,
        built.package,
        built.compiler,
        built.os,
        hosts.target,
        built.target = hosts.target as is_exact
    from built
    inner join main.targets on targets.binary_target = built.target
    inner join hosts
        on hosts.tag = built.tag
        and hosts.os = built.os
        and hosts.target = targets.host_target
)

select
    tag,
    package,
    compiler,
    os,
    target,
    is_exact
from usable
-- `union` removes duplicates: a package may be built with the compiler and with none.
union
-- Packages without a compiler are usable with any.
select
    compilers.tag,
    usable.package,
    compilers.compiler,
    usable.os,
    usable.target,
    false
from compilers
inner join usable
    on usable.tag = compilers.tag
    and usable.os = compilers.os
where usable.compiler = 'none'
    -- Parts of a compiler are of no use by themselves.
    and usable.package not in ('compiler-wrapper', 'gcc-runtime');
