-- Which packages each compiler, os and target of a snapshot finds: built for just it, or usable.
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

hosts as (
    select distinct
        tag,
        platform,
        target
    from built
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
        and hosts.platform = built.platform
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
-- Not `union all`: a package may have both, builds with the compiler and with none.
union
-- What needs no compiler is there for the users of each.
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
where usable.compiler = 'none';
