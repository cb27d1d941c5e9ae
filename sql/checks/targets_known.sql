-- Every target that a spec is built for is in table targets and runs its own binaries.
-- Reads: spec_stacks, targets
select distinct target
from spec_stacks
where target not in (
    select host_target
    from targets
    where host_target = binary_target and distance = 0
)
