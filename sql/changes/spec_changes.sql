-- How many specs of a cell are new, gone or kept, for cells that the previous snapshot had too.
-- Grain: one row per tag, package, platform, os and target; cells in which a hash differs. If the
-- versions are the same, the cell was rebuilt in part, or in whole (`rebuilt` in snapshot_changes).
-- With the same recipes, a dependency was built anew or the options changed.
-- Reads: cell_presence, cell_recipes, snapshot_tags
create or replace view spec_changes as
select
    presence.tag,
    presence.previous_tag,
    presence.package,
    presence.platform,
    presence.os,
    presence.target,
    presence.has_same_versions,
    presence.spec_count - presence.kept_spec_count as new_spec_count,
    presence.previous_spec_count - presence.kept_spec_count as gone_spec_count,
    presence.kept_spec_count,
    case
        when cell_recipes.spec_count = presence.spec_count
            and previous_recipes.spec_count = presence.previous_spec_count
            then cell_recipes.recipes = previous_recipes.recipes
    end as has_same_recipes
from steps.cell_presence((
    select list({tag: tag, previous_tag: previous_tag})
    from steps.snapshot_tags
    where previous_tag is not null
)) as presence
left join steps.cell_recipes
    on cell_recipes.tag = presence.tag
    and cell_recipes.package = presence.package
    and cell_recipes.platform = presence.platform
    and cell_recipes.os = presence.os
    and cell_recipes.target = presence.target
left join steps.cell_recipes as previous_recipes
    on previous_recipes.tag = presence.previous_tag
    and previous_recipes.package = presence.package
    and previous_recipes.platform = presence.platform
    and previous_recipes.os = presence.os
    and previous_recipes.target = presence.target
where presence.spec_count > 0
    and presence.previous_spec_count > 0
    and (
        presence.kept_spec_count < presence.spec_count
        or presence.kept_spec_count < presence.previous_spec_count
    );
