-- Every target that a spec is built for runs at least its own binaries, by table targets.
-- Reads: spec_stacks, targets
select distinct target
from spec_stacks
where target not in (
    select host_target
    from targets
    where host_target = binary_target and distance = 0
)
