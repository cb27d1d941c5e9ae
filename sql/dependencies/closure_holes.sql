-- Link and run dependencies of specs that are missing from a mirror which lists the specs.
-- Grain: one row per tag, hash, stack and missing_hash; stack is null for a mirror without one.
-- Mirrors are those of stacks and of root. Externals, such as the host's glibc, are not missing.
-- Reads: spec_stacks, closures
create or replace view closure_holes as
select
    spec_stacks.tag,
    spec_stacks.package,
    spec_stacks.hash,
    spec_stacks.stack,
    closures.dependency_hash as missing_hash,
    closures.dependency_name as missing_name
from spec_stacks
inner join steps.closures
    on closures.tag = spec_stacks.tag
    and closures.hash = spec_stacks.hash
anti join spec_stacks as held
    on held.tag = spec_stacks.tag
    and held.hash = closures.dependency_hash
    and held.stack is not distinct from spec_stacks.stack
where not closures.is_external;
