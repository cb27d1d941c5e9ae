-- The variants of each spec, split into name and value.
-- Grain: one row per tag, package, hash and variant.
-- Reads: specs
create or replace view variants as
with spelled as (
    select
        tag,
        package,
        hash,
        unnest(list_distinct(variants)) as variant
    from specs
)

select
    tag,
    package,
    hash,
    variant,
    case
        when starts_with(variant, '+') or starts_with(variant, '~') then substr(variant, 2)
        else split_part(variant, '=', 1)
    end as variant_name,
    case
        when starts_with(variant, '+') then 'true'
        when starts_with(variant, '~') then 'false'
        when contains(variant, '=') then substr(variant, strpos(variant, '=') + 1)
    end as variant_value
from spelled;
