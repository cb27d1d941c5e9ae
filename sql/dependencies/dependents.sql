-- How many other packages of the snapshot have each package as a link or run dependency.
-- Grain: one row per tag and package; snapshots whose dependencies are known.
-- Reads: dependencies, specs, needs, closures
create or replace view dependents as
with packages as (
    select distinct
        specs.tag,
        specs.package
    from specs
    semi join dependencies on dependencies.tag = specs.tag
),

direct as (
    select
        needs.tag,
        needs.dependency_name as package,
        count(distinct specs.package) as direct_dependent_count
    from steps.needs
    inner join specs
        on specs.tag = needs.tag
        and specs.hash = needs.hash
    where specs.package <> needs.dependency_name
    group by all
),

every as (
    select
        closures.tag,
        closures.dependency_name as package,
        count(distinct specs.package) as dependent_count
    from steps.closures
    inner join specs
        on specs.tag = closures.tag
        and specs.hash = closures.hash
    where specs.package <> closures.dependency_name
    group by all
)

select
    packages.tag,
    packages.package,
    coalesce(direct.direct_dependent_count, 0) as direct_dependent_count,
    coalesce(every.dependent_count, 0) as dependent_count
from packages
left join direct using (tag, package)
left join every using (tag, package);
