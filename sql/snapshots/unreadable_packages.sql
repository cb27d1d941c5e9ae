-- Packages of which a snapshot may have more than was read, since a page or index was refused.
-- Grain: one row per tag and package.
-- Reads: rejects, spec_stacks
create or replace view steps.unreadable_packages as
with refused as (
    select distinct
        tag,
        package
    from main.rejects
    where item is null
        and tag is not null
)

select
    tag,
    package
from refused
where package is not null
union
-- An index that can't be read may list any package.
select
    refused.tag,
    packages.package
from refused
cross join (select distinct package from main.spec_stacks) as packages
where refused.package is null;
