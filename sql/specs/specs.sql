-- Every spec of a snapshot once, with the stacks that list it.
-- Grain: one row per tag, package and hash.
-- Reads: spec_stacks
create or replace view specs as
select
    tag,
    package,
    hash,
    any_value(version) as version,
    any_value(compiler) as compiler,
    any_value(compiler_name) as compiler_name,
    any_value(compiler_version) as compiler_version,
    any_value(os) as os,
    any_value(platform) as platform,
    any_value(target) as target,
    -- The lists are equal; `any_value` would copy each one that it passes over.
    arg_min(variants, 1) as variants,
    -- Each stack may have its own binary.
    max(size_bytes) as size_bytes,
    any_value(tarball) as tarball,
    any_value(page) as page,
    coalesce(list(stack order by stack) filter (where stack <> 'root'), []) as stacks,
    coalesce(bool_or(stack = 'root'), false) as is_in_root,
    arg_min(flags, 1) as flags,
    any_value(namespace) as namespace,
    any_value(package_hash) as package_hash,
    any_value(build_spec) as build_spec,
    arg_min(provided_virtuals, 1) as provided_virtuals
from spec_stacks
group by tag, package, hash;
