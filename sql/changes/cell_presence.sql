-- How many specs each cell has in the two snapshots of each pair, and what both have in common.
-- Grain: one row per tag, previous_tag, package, platform, os and target;
-- pairs is a list of {tag, previous_tag}.
-- Reads: spec_presence, version_order
create or replace macro steps.cell_presence(pairs) as table
select
    tag,
    previous_tag,
    package,
    platform,
    os,
    target,
    sum(previous_spec_count)::bigint as previous_spec_count,
    sum(spec_count)::bigint as spec_count,
    bool_and((previous_spec_count > 0) = (spec_count > 0)) as has_same_versions,
    max(version_key) filter (where previous_spec_count > 0) as previous_version_key,
    max(version_key) filter (where spec_count > 0) as version_key,
    sum(kept_spec_count)::bigint as kept_spec_count,
    bool_or(kept_spec_count > 0) as has_common_hash,
    bool_or(has_stack) as has_stack,
    bool_or(has_lasting_stack) as has_lasting_stack
from (
    select
        tag,
        previous_tag,
        package,
        platform,
        os,
        target,
        presence.version,
        any_value(version_order.version_key) as version_key,
        count(*) filter (where was_present) as previous_spec_count,
        count(*) filter (where is_present) as spec_count,
        count(*) filter (where is_present and was_present) as kept_spec_count,
        bool_or(has_stack) as has_stack,
        bool_or(has_lasting_stack) as has_lasting_stack
    from steps.spec_presence(pairs) as presence
    inner join main.version_order on version_order.version = presence.version
    group by all
)
group by all;
