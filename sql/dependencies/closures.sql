-- The transitive link and run dependencies of each spec.
-- Grain: one row per tag, hash and dependency_hash.
-- Reads: needs
create or replace view steps.closures as
with recursive reached as (
    select
        tag,
        hash,
        dependency_hash,
        dependency_name,
        is_external
    from steps.needs
    union
    select
        reached.tag,
        reached.hash,
        needs.dependency_hash,
        needs.dependency_name,
        needs.is_external
    from reached
    inner join steps.needs
        on needs.tag = reached.tag
        and needs.hash = reached.dependency_hash
)

select
    tag,
    hash,
    dependency_hash,
    dependency_name,
    is_external
from reached;
