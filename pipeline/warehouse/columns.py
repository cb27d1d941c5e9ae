"""What the columns of views mean; those of tables are declared in `pipeline.schemas`."""

from __future__ import annotations

from pipeline.errors import SchemaError
from pipeline.schemas import TABLES

# What a column of a view means, wherever it stands; the others are called as in the tables.
VIEW_COLUMNS = {
    "agnostic_package_count": "Packages built with no compiler, which serve users of any.",
    "also_in": "Other snapshots that hold the spec by its hash, sorted.",
    "available_package_count": "Packages for users of the compiler: built with it or with none.",
    "available_pct": "`available_package_count` of `snapshot_package_count`, in percent.",
    "binary_libc_version": "glibc of the os that the binary was built on.",
    "binary_os": "Operating system that the binary was built on.",
    "binary_targets": "Targets whose binaries run on the host, of those that the snapshot has.",
    "blocked_by": (
        "What it needs where it is used and nobody has built, as `zlib/abcdefg`, in the "
        "order to build it."
    ),
    "build_count": "Builds that the snapshot holds more than once.",
    "cached_count": "Specs of the lock file that it holds.",
    "cached_pct": "`cached_count` of `lock_spec_count`, in percent.",
    "cause": "Why a cell was lost or gained, the first that holds; else null.",
    "cell_count": "Cells: a package in an environment (platform, os, target).",
    "change": "`lost`, `gained`, `upgraded`, `downgraded`, `versions changed` or `rebuilt`.",
    "compatible_package_count": "Packages with a binary that runs on the host, exact or not.",
    "compatible_pct": "`compatible_package_count` of `snapshot_package_count`, in percent.",
    "complete_root_count": (
        "Roots of the lock file that it holds, with all that they need where they are used."
    ),
    "covered_count": "Environments of the snapshot in which the package has a spec.",
    "covered_pct": "`covered_count` of `environment_count`, in percent.",
    "days_since_previous": "Days since the snapshot before; 7 where no week is left out.",
    "declarations": "Items that the page's summary declares of the fact, each with its count.",
    "declared": "What the page's summary says: a count, or 1 for an item listed.",
    "dependent_count": "Other packages that need it where they are used, directly or by others.",
    "differences": "How the spec differs from the nearest one of the cache, as `+hl != ~hl`.",
    "direct_dependent_count": "Other packages that need it where they are used, directly.",
    "download_bytes": "Size of the cached specs, as far as it is known, in bytes.",
    "differing_dependencies": "Packages of the dependencies that not all of the builds share.",
    "differs_in": "What the builds differ in: `dependency`, `build dependency only` or `unknown`.",
    "downgraded_cell_count": "Cells whose newest version fell.",
    "environment_count": "Environments (platform, os, target) that the snapshot has specs for.",
    "environment_newest_version": "Newest version of the package in this environment.",
    "exact_package_count": "Packages built for just this: the host's target, or the compiler.",
    "exact_pct": "`exact_package_count` of `snapshot_package_count`, in percent.",
    "external_count": "Specs of the lock file that are parts of the host.",
    "fact": "Key of the page's `meta` that is compared.",
    "first_difference": "Place of the first attribute that differs, from 1 for the version.",
    "first_tag": "First weekly snapshot that has the spec.",
    "found": "What the accepted specs say: a count, or 1 for an item that is there.",
    "gained_cell_count": "Cells that the snapshot has and the one before had not.",
    "gone_spec_count": "Specs that the snapshot before had and this one has not.",
    "has_common_hash": "Whether both snapshots have a spec of the cell with the same hash.",
    "has_lasting_stack": "Whether a stack that lists it is in the other snapshot, too.",
    "has_same_versions": "Whether both snapshots have the same versions in the cell.",
    "has_stack": "Whether a stack other than root lists it.",
    "hashes": "Hashes of the specs that are equal in all else, sorted.",
    "host_libc_version": "glibc of the host's os.",
    "host_os": "Operating system of the host.",
    "is_complete": (
        "Whether a root is cached or external, and all that it needs where it is used; "
        "null: no root."
    ),
    "is_host_libc_known": "Whether the host's glibc is known; if not, matches are exact.",
    "is_in_root": "Whether index `root` lists the spec.",
    "is_lagging": "Whether the environment's newest version is older than the snapshot's.",
    "is_nearest_os_usable": (
        "Whether the nearest spec runs on the host's os by its glibc; null unless the os "
        "differs first."
    ),
    "is_exact": "Whether it was built for just this compiler and target.",
    "is_model_change": "Whether the site's model of compilers changed since the snapshot before.",
    "is_present": "Whether the later snapshot of the pair has it.",
    "is_snapshot": "Whether the row is of the snapshot as a whole, and of no stack.",
    "item": "Listed thing that the fact is of, as a stack or a target; null: the page as a whole.",
    "joint_package_count": "Packages that either of the two stacks has.",
    "joint_spec_count": "Specs that either of the two stacks has.",
    "kept_pct": "`kept_spec_count` of `previous_spec_count`, in percent.",
    "kept_spec_count": "Specs that both snapshots have.",
    "kind": "`rolling` (develop), `weekly`, `release`, `dated`, `versioned` or `other`.",
    "lagging_count": "Environments in which the package is older than in the snapshot.",
    "last_tag": "Last weekly snapshot that has the spec.",
    "libc": "C library of the operating system.",
    "libc_version": "Version of the C library.",
    "lock_spec_count": "Specs of the lock file, without external ones.",
    "lost_cell_count": "Cells that the snapshot before had and this one has not.",
    "member": "Name of the stack, environment or package.",
    "member_kind": "`stack`, `environment` or `package`.",
    "missing": "Environments without a spec of the package, as `linux-ubuntu22.04-zen4`.",
    "missing_hash": "Hash of the spec that the mirror does not hold.",
    "missing_name": "Package of the spec that the mirror does not hold.",
    "nearest_hash": "Hash of the spec in the cache that agrees in most, from the version on.",
    "nearest_version": (
        "`older` or `newer`, of the nearest spec; null unless the version differs first."
    ),
    "new_spec_count": "Specs that the snapshot has and the one before had not.",
    "newest_version": "Newest version of the package in the snapshot, by Spack's order.",
    "os_match": "`exact`, `same os` (another target), or `older libc` (another os).",
    "package_count": "Distinct packages: those with a spec here, or whose cells changed so.",
    "package_jaccard": "`shared_package_count` of `joint_package_count`, from 0 to 1.",
    "package_pct": "`package_count` of `snapshot_package_count`, in percent.",
    "previous_spec_count": "Specs of the cell in the snapshot before.",
    "previous_tag": "Snapshot of the same line before this one, or the one compared with.",
    "previous_version_key": "Sort key of the newest version in the snapshot before.",
    "rank": "Place, from 1.",
    "reason": (
        "First in which the nearest spec differs: version, platform, os, target, "
        "compiler, variants, dependencies; or `package`: there is none."
    ),
    "rebuilt_cell_count": "Cells with the same versions and no hash in common.",
    "root_count": "Roots of the lock file.",
    "reusable_binaries": "Operating systems and targets of the binaries that run on the host.",
    "reusable_os": "Os of the nearest binary that runs there by Spack's rule; null: none.",
    "reusable_package_count": "Packages with a binary of any os that runs on the host.",
    "reusable_pct": "`reusable_package_count` of `snapshot_package_count`, in percent.",
    "reusable_target": "Target of the nearest binary that runs there by Spack's rule; null: none.",
    "shared_package_count": "Packages that both stacks have.",
    "shared_spec_count": "Specs that both stacks have.",
    "snapshot_date": "Day of a weekly or dated snapshot, or the first of its month; else null.",
    "snapshot_package_count": "Packages of the whole snapshot.",
    "sole_cell_count": "Cells (package, os, target) that no other stack but root covers.",
    "sole_spec_count": "Specs that no other stack but root has.",
    "source": "Where the fact is from.",
    "spec_count": "Distinct specs, by package and hash.",
    "spec_jaccard": "`shared_spec_count` of `joint_spec_count`, from 0 to 1.",
    "spec_stack_count": "Rows of spec_stacks that the snapshot has.",
    "stack": "CI stack; never `root`, which is the index of all.",
    "stack_a": "The stack that sorts first.",
    "stack_b": "The stack that sorts second.",
    "stack_count": "Distinct stacks, root not counted.",
    "stacks": "Stacks that list it, sorted, without root.",
    "state": "`cached`, `external` (a part of the host) or `build`.",
    "surplus_spec_count": "Specs beyond the first of each build.",
    "tag_count": "Weekly snapshots that have the spec.",
    "target": "CPU target.",
    "target_match": "`exact`, or `ancestor` for a binary built for an ancestor of the target.",
    "to_build_count": "Specs of the lock file that it lacks.",
    "unknown_spec_count": "Specs that only a page tells of: what they need is not known.",
    "unlocked_cell_count": "Missing cells, beside its own, of packages that need it in each spec.",
    "unlocked_package_count": "Packages with such cells.",
    "upgraded_cell_count": "Cells whose newest version rose.",
    "usable_target": "Target of the nearest binary, same os, that runs there; null: none does.",
    "variant": "Variant as the spec has it.",
    "variant_name": "Name of the variant.",
    "variant_value": "Value of the variant; `true` and `false` for `+` and `~`.",
    "version_key": "Sort key of the version: plain text order is Spack's order.",
    "version_position": "Place of the version among all, from 1 for the oldest.",
    "versions": "Distinct versions, sorted as text.",
    "versions_changed_cell_count": "Cells whose set of versions changed below the newest.",
    "was_present": "Whether the earlier snapshot of the pair has it.",
}


def describe_column(name: str) -> str:
    """Say what a column of a view means.

    Raises
    ------
    SchemaError
        Nobody has said it.
    """
    of_tables = {
        column.name: column.description for table in TABLES[::-1] for column in table.columns
    }
    try:
        return VIEW_COLUMNS.get(name) or of_tables[name]
    except KeyError as error:
        raise SchemaError(f"{name}: a column of a view without a word on it") from error
