-- Builds that a snapshot holds more than once: equal in everything but the hash.
-- Grain: one row per tag, package, version, compiler, os, platform, target, variants, flags and
-- namespace; the last two are null where read from a page, which tells neither.
-- Reads: specs
create or replace view duplicate_builds as
select
    tag,
    package,
    version,
    compiler,
    os,
    platform,
    target,
    variants,
    flags,
    namespace,
    count(*) as spec_count,
    list(hash order by hash) as "hashes"
from specs
group by all
having count(*) > 1;
