-- Packages that lack an environment, ranked by how many other gaps building them would unlock.
-- Grain: one row per tag and package; packages with a gap, ranked by unlocked_cell_count where it
-- is known, then by covered_count; ties share a rank. A gap unlocks another package's gap in the
-- same environment if every spec of that package has this one as a link or run dependency, direct
-- or not. Gaps that do not apply (a package that all snapshots have on one platform, on another;
-- a compiler's runtime on a CPU family where it never was) are counted apart; a package that has no
-- others has no rank.
-- Reads: meant_gaps, dependencies, dependents, specs, closures
create or replace view gap_priority as
with spec_counts as (
    select
        tag,
        package,
        count(*) as spec_count
    from specs
    group by all
),

required as (
    select
        closures.tag,
        specs.package,
        closures.dependency_name
    from steps.closures
    inner join specs
        on specs.tag = closures.tag
        and specs.hash = closures.hash
    inner join spec_counts
        on spec_counts.tag = specs.tag
        and spec_counts.package = specs.package
    where specs.package <> closures.dependency_name
    group by closures.tag, specs.package, closures.dependency_name
    having count(distinct specs.hash) = any_value(spec_counts.spec_count)
),

unlocked as (
    select
        missing.tag,
        missing.package,
        count(distinct waiting.package) as unlocked_package_count,
        count(*) as unlocked_cell_count
    from steps.meant_gaps as missing
    inner join required
        on required.tag = missing.tag
        and required.dependency_name = missing.package
    inner join steps.meant_gaps as waiting
        on waiting.tag = missing.tag
        and waiting.package = required.package
        and waiting.platform = missing.platform
        and waiting.os = missing.os
        and waiting.target = missing.target
    where missing.is_meant and waiting.is_meant
    group by all
),

missed as (
    select
        tag,
        package,
        covered_count,
        environment_count,
        -- As Spack writes an environment.
        coalesce(
            list(concat_ws('-', platform, os, target) order by platform, os, target)
                filter (where is_meant),
            []
        ) as missing,
        count(*) filter (where not is_meant) as unmeant_count
    from steps.meant_gaps
    group by all
),

counted as (
    select
        missed.tag,
        missed.package,
        missed.covered_count,
        missed.environment_count,
        missed.missing,
        missed.unmeant_count,
        dependents.dependent_count,
        case
            when missed.tag in (select tag from dependencies)
                then coalesce(unlocked.unlocked_package_count, 0)
        end as unlocked_package_count,
        case
            when missed.tag in (select tag from dependencies)
                then coalesce(unlocked.unlocked_cell_count, 0)
        end as unlocked_cell_count
    from missed
    left join unlocked
        on unlocked.tag = missed.tag
        and unlocked.package = missed.package
    left join dependents
        on dependents.tag = missed.tag
        and dependents.package = missed.package
)

select
    tag,
    case
        when len(missing) > 0
            then rank() over (
                partition by tag
                order by
                    len(missing) = 0 asc,
                    unlocked_cell_count desc nulls last,
                    covered_count desc
            )
    end as rank,
    package,
    unlocked_package_count,
    unlocked_cell_count,
    dependent_count,
    covered_count,
    environment_count,
    100.0 * covered_count / environment_count as covered_pct,
    missing,
    unmeant_count
from counted;
