-- The glibc that each spec was built with, if an index records it as an external.
-- Grain: one row per tag and hash.
-- Reads: dependencies; Spack 0.22 and later has the host's glibc as an external dependency.
create or replace view steps.recorded_libcs as
select
    tag,
    hash,
    -- As numbers: 2.9 is older than 2.17.
    max(try_cast(string_split(dependency_version, '.') as integer[])) as glibc
from main.dependencies
where dependency_name = 'glibc'
    and is_external
group by all;
