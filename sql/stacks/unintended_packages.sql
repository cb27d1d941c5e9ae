-- Packages in stacks that are neither roots of the environment files nor dependencies of roots.
-- Grain: one row per tag and package; snapshots whose dependencies are known, and stacks with an
-- environment file.
-- Reads: stack_states, spec_stacks, dependencies
create or replace view unintended_packages as
with recursive roots as (
    select
        tag,
        unnest("hashes") as hash
    from stack_states
),

intended as (
    select
        tag,
        hash
    from roots
    union
    select
        intended.tag,
        dependencies.dependency_hash
    from intended
    inner join dependencies
        on dependencies.tag = intended.tag
        and dependencies.hash = intended.hash
),

intended_packages as (
    select distinct
        spec_stacks.tag,
        spec_stacks.package
    from spec_stacks
    inner join intended
        on intended.tag = spec_stacks.tag
        and intended.hash = spec_stacks.hash
)

select
    spec_stacks.tag,
    spec_stacks.package,
    count(distinct spec_stacks.hash) as spec_count,
    list_sort(list(distinct spec_stacks.stack)) as stacks
from spec_stacks
where spec_stacks.stack in (select stack from stack_states)
    and spec_stacks.tag in (select tag from dependencies)
    and (spec_stacks.tag, spec_stacks.package) not in (
        select
            tag,
            package
        from intended_packages
    )
group by spec_stacks.tag, spec_stacks.package;
