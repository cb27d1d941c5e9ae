-- Packages of which a snapshot may have more than was read, since a page or index was refused.
-- Grain: one row per tag and package.
-- Reads: refused_sources, spec_stacks
create or replace view steps.unreadable_packages as
select
    tag,
    unnest(packages) as package
from steps.refused_sources
union
-- An index that can't be read may list any package.
select
    refused_sources.tag,
    packages.package
from steps.refused_sources
cross join (select distinct package from main.spec_stacks) as packages
where refused_sources.has_index;
