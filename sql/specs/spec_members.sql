-- The package, the environment and the stack that each spec of a snapshot belongs to.
-- Grain: one row per tag, member_kind, member, package, hash and stack. stack is the index that
-- lists the spec, also `root`, which is no member.
-- Reads: spec_stacks
create or replace view steps.spec_members as
(
    select
        tag,
        'package' as member_kind,
        package as member,
        package,
        platform,
        os,
        target,
        hash,
        stack
    from main.spec_stacks
    union all
    select
        tag,
        'environment',
        concat_ws('-', platform, os, target),
        package,
        platform,
        os,
        target,
        hash,
        stack
    from main.spec_stacks
)
union all
select
    tag,
    'stack',
    stack,
    package,
    platform,
    os,
    target,
    hash,
    stack
from main.spec_stacks
where stack <> 'root';
