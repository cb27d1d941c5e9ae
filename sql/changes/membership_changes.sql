-- Stacks, environments and packages that only one of the two snapshots of each pair has.
-- Grain: one row per tag, previous_tag, member_kind and member; pairs is a list of
-- {tag, previous_tag}.
-- Reads: pair_sides, spec_members, refused_sources
create or replace macro steps.membership_changes(pairs) as table
select
    found.tag,
    found.previous_tag,
    case
        when refused.packages is null then found.change
        -- Unreadable pages may hold all that the member has, an index whatever its stack does.
        when list_has_all(refused.packages, found.packages)
            or case found.member_kind
                when 'stack' then list_has_any(refused.index_stacks, [found.member, ''])
                else refused.has_index
            end
            then 'unreadable'
        else found.change
    end as change,
    found.member_kind,
    found.member,
    len(found.packages) as package_count,
    found.cell_count,
    found.spec_count
from (
    select
        changed.tag,
        changed.previous_tag,
        changed.change,
        changed.member_kind,
        changed.member,
        changed.other_tag,
        list(distinct specs.package) as packages,
        count(distinct (specs.package, specs.platform, specs.os, specs.target)) as cell_count,
        count(distinct (specs.package, specs.hash)) as spec_count
    from (
        select
            sides.tag,
            sides.previous_tag,
            case any_value(sides.side_tag) when sides.tag then 'gained' else 'lost' end as change,
            members.member_kind,
            members.member,
            any_value(sides.side_tag) as side_tag,
            any_value(sides.other_tag) as other_tag
        from steps.pair_sides(pairs) as sides
        -- Members are few: counting the specs of all of them would take much longer.
        inner join (select distinct tag, member_kind, member from steps.spec_members) as members
            on members.tag = sides.side_tag
        where sides.tag <> sides.previous_tag
        group by sides.tag, sides.previous_tag, members.member_kind, members.member
        having count(*) = 1
    ) as changed
    inner join steps.spec_members as specs
        on specs.tag = changed.side_tag
        and specs.member_kind = changed.member_kind
        and specs.member = changed.member
    group by all
) as found
left join steps.refused_sources as refused on refused.tag = found.other_tag;
