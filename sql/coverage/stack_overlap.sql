-- How much two stacks of a snapshot have in common; pairs that share nothing are included.
-- Grain: one row per tag, stack_a and stack_b; stack_a sorts before stack_b. In a snapshot with
-- more than 100 stacks, only the 100 with the most packages.
-- Reads: stack_sizes, stack_specs
create or replace view stack_overlap as
with ranked as (
    select
        tag,
        stack,
        package_count,
        spec_count,
        row_number() over (partition by tag order by package_count desc, stack asc) as place
    from steps.stack_sizes
),

-- The number of pairs is quadratic: a page that names thousands of stacks would exhaust memory.
largest as (
    select
        tag,
        stack,
        package_count,
        spec_count
    from ranked
    where place <= 100
),

listed as (
    select
        stack_specs.tag,
        stack_specs.stack,
        stack_specs.package,
        stack_specs.hash
    from steps.stack_specs
    semi join largest
        on largest.tag = stack_specs.tag
        and largest.stack = stack_specs.stack
),

shared_specs as (
    select
        spec_a.tag,
        spec_a.stack as stack_a,
        spec_b.stack as stack_b,
        count(*) as shared_spec_count
    from listed as spec_a
    inner join listed as spec_b
        on spec_b.tag = spec_a.tag
        and spec_b.package = spec_a.package
        and spec_b.hash = spec_a.hash
    where spec_a.stack < spec_b.stack
    group by all
),

stack_packages as (
    select distinct
        tag,
        stack,
        package
    from listed
),

shared_packages as (
    select
        package_a.tag,
        package_a.stack as stack_a,
        package_b.stack as stack_b,
        count(*) as shared_package_count
    from stack_packages as package_a
    inner join stack_packages as package_b
        on package_b.tag = package_a.tag
        and package_b.package = package_a.package
    where package_a.stack < package_b.stack
    group by all
),

pairs as (
    select
        size_a.tag,
        size_a.stack as stack_a,
        size_b.stack as stack_b,
        coalesce(shared_specs.shared_spec_count, 0) as shared_spec_count,
        coalesce(shared_packages.shared_package_count, 0) as shared_package_count,
        size_a.spec_count + size_b.spec_count as summed_spec_count,
        size_a.package_count + size_b.package_count as summed_package_count
    from largest as size_a
    inner join largest as size_b
        on size_b.tag = size_a.tag
        and size_b.stack > size_a.stack
    left join shared_specs
        on shared_specs.tag = size_a.tag
        and shared_specs.stack_a = size_a.stack
        and shared_specs.stack_b = size_b.stack
    left join shared_packages
        on shared_packages.tag = size_a.tag
        and shared_packages.stack_a = size_a.stack
        and shared_packages.stack_b = size_b.stack
)

select
    tag,
    stack_a,
    stack_b,
    shared_spec_count,
    summed_spec_count - shared_spec_count as joint_spec_count,
    shared_spec_count / joint_spec_count as spec_jaccard,
    shared_package_count,
    summed_package_count - shared_package_count as joint_package_count,
    shared_package_count / joint_package_count as package_jaccard
from pairs;
