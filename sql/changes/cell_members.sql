-- The package, the environment and the stacks that a cell belongs to.
-- Grain: one list per cell, of structs with member_kind and member.
-- Reads: nothing
create or replace macro steps.cell_members(package, platform, os, target, stacks) as
    list_concat(
        [
            {member_kind: 'package', member: package},
            {member_kind: 'environment', member: concat_ws('-', platform, os, target)}
        ],
        list_transform(stacks, lambda stack: {member_kind: 'stack', member: stack})
    );
