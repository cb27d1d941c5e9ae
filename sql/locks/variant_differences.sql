-- How the variants of one spec differ from those of another, as `+hl != ~hl`, `+hl != no hl`.
-- Grain: one list of texts, the first spec's variants first.
-- Reads: nothing
create or replace macro steps.variant_differences(variants, other_variants) as
    list_transform(
        list_filter(variants, lambda variant: not list_contains(other_variants, variant)),
        lambda variant: variant || ' != ' || coalesce(
            list_filter(
                other_variants,
                lambda other: regexp_extract(other, '^[+~]?([^=]*)', 1)
                    = regexp_extract(variant, '^[+~]?([^=]*)', 1)
            )[1],
            'no ' || regexp_extract(variant, '^[+~]?([^=]*)', 1)
        )
    )
    || list_transform(
        list_filter(
            other_variants,
            lambda other: not list_contains(
                list_transform(
                    variants, lambda variant: regexp_extract(variant, '^[+~]?([^=]*)', 1)
                ),
                regexp_extract(other, '^[+~]?([^=]*)', 1)
            )
        ),
        lambda other: 'no ' || regexp_extract(other, '^[+~]?([^=]*)', 1) || ' != ' || other
    );
