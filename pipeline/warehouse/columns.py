"""Descriptions of the columns of views; those of tables are in `pipeline.schemas`."""

from __future__ import annotations

from pipeline.errors import SchemaError
from pipeline.schemas import DATABASE_TABLES

# One description per column name, valid in every view; other names mean what they do in tables.
VIEW_COLUMNS = {
    "agnostic_package_count": "Packages built without a compiler, usable with any.",
    "also_in": "Other snapshots that have the spec by its hash, or stacks that have the root.",
    "available_package_count": "Packages built with the compiler, or without any.",
    "available_pct": "`available_package_count` as a percentage of `snapshot_package_count`.",
    "binary_libc_version": "glibc version of the OS that the binary was built on.",
    "binary_os": "Operating system that the binary was built on.",
    "blocked_by": (
        "Link and run dependencies, direct or not, that the cache lacks, as `zlib/abcdefg`, in "
        "build order."
    ),
    "build_count": "Builds that the snapshot has more than once.",
    "build_only_surplus_count": "Surplus specs that differ only in a build dependency.",
    "cached_count": "Specs of the lock file that are cached.",
    "cached_pct": "`cached_count` as a percentage of `lock_spec_count`.",
    "cause": "Why a cell was lost or gained: the first cause that holds; else null.",
    "cell_count": "Cells: a package in an environment (platform, os, target).",
    "change": (
        "`lost`, `gained`, `upgraded`, `downgraded`, `versions changed` or `rebuilt`; of a member "
        "`unreadable` if a refused page or index may hold it."
    ),
    "changed_cell_count": "Cells of the member that were lost or gained with it.",
    "changed_stacks": "Stacks that list the cell's specs and that only one of the snapshots has.",
    "compatible_environments": "Those of them that were built on the host's os.",
    "compatible_package_count": "Packages with a binary of the same OS that runs there.",
    "compatible_pct": "`compatible_package_count` as a percentage of `snapshot_package_count`.",
    "compilers": "Compilers of the page's specs, sorted as text.",
    "complete_root_count": (
        "Roots of the lock file that are cached or external with all their link and run "
        "dependencies."
    ),
    "covered_count": "Environments of the snapshot in which the package has a spec.",
    "covered_pct": "`covered_count` as a percentage of `environment_count`.",
    "days_since_previous": "Days since the previous snapshot; 7 if no week was skipped.",
    "declared": "What the page's summary says: a count, or 1 for a listed item.",
    "dependency_surplus_count": "Surplus specs that differ in a link or run dependency.",
    "dependent_count": "Other packages that have it as a link or run dependency, direct or not.",
    "differences": "How the spec differs from the nearest one in the cache, as `+hl != ~hl`.",
    "differing_dependencies": "Packages of the dependencies that not all of the builds share.",
    "differs_in": "How the builds differ: `dependency`, `build dependency only` or `unknown`.",
    "direct_dependent_count": "Other packages that have it as a direct link or run dependency.",
    "downgraded_cell_count": "Cells whose newest version fell.",
    "download_bytes": "Size in bytes of the cached specs whose size is known.",
    "environment_bit": "Bit string of the snapshot's environments, with this one's bit set.",
    "environment_count": "Environments (platform, os, target) that the snapshot has specs for.",
    "environment_newest_version": "Newest version of the package in this environment.",
    "environment_number": "Number of the binary's environment in its snapshot, from 1.",
    "exact_package_count": "Packages built for exactly this target, or with this compiler.",
    "exact_pct": "`exact_package_count` as a percentage of `snapshot_package_count`.",
    "expected_package_count": "`package_count` and `unreadable_package_count` together.",
    "external_count": "Specs of the lock file that are externals, provided by the host.",
    "fact": "Key of the page's `meta` that is compared.",
    "families": "CPU families of its targets; null: archspec lacks one.",
    "first_difference": "Position of the first attribute that differs; 1 is the version.",
    "first_tag": "First weekly snapshot that has the spec.",
    "found": "What the accepted specs say: a count, or 1 for an item that is there.",
    "gained_cell_count": "Cells that the snapshot has and the previous one lacks.",
    "glibc": "Oldest glibc that runs it, as a list of numbers; null: unknown or none.",
    "gone_spec_count": "Specs that the previous snapshot has and this one lacks.",
    "has_common_hash": "Whether both snapshots have a spec of the cell with the same hash.",
    "has_index": "Whether an index was refused, which may list any package.",
    "has_lasting_stack": "Whether a stack that lists it is in the other snapshot too.",
    "has_same_recipes": "Whether both built the cell from the same recipes; null: unknown.",
    "has_same_versions": "Whether both snapshots have the same versions in the cell.",
    "has_stack": "Whether a stack other than root lists it.",
    "hashes": "Hashes of the specs that are equal in all else, sorted.",
    "host_libc_version": "glibc version of the host's OS.",
    "host_os": "Operating system of the host.",
    "index_stacks": "Stacks whose indexes were refused; empty text: one that names none.",
    "is_complete": (
        "Whether the root is cached or external with all its link and run dependencies; "
        "null: not a root."
    ),
    "is_host_libc_known": "Whether the host's glibc is known; if not, matches are exact.",
    "is_in_root": "Whether index `root` lists the spec.",
    "is_lagging": "Whether the environment's newest version is older than the snapshot's.",
    "is_meant": "Whether the package is meant for the environment, as far as the snapshots show.",
    "is_model_change": "Whether the site's model of compilers changed since the previous snapshot.",
    "is_nearest_os_usable": (
        "Whether the nearest spec runs on the host's OS by its glibc; null unless the OS is the "
        "first difference."
    ),
    "is_present": "Whether the later snapshot of the pair has it.",
    "is_snapshot": "Whether the row is for the snapshot as a whole, not for a stack.",
    "item": "Item of the fact that is compared, as a stack or a target; null: the page as a whole.",
    "joint_package_count": "Packages that at least one of the two stacks has.",
    "joint_spec_count": "Specs that at least one of the two stacks has.",
    "kept_pct": "`kept_spec_count` as a percentage of `previous_spec_count`.",
    "kept_spec_count": "Specs that both snapshots have.",
    "kind": "`rolling` (develop), `weekly`, `release`, `dated`, `versioned` or `other`.",
    "lagging_count": "Environments in which the package is older than elsewhere in the snapshot.",
    "last_tag": "Last weekly snapshot that has the spec.",
    "libc": "C library of the operating system.",
    "libc_version": "Version of the C library.",
    "line": "Snapshots of the same kind and line follow each other; null: no order.",
    "lock_spec_count": "Specs of the lock file, without externals.",
    "lost_cell_count": "Cells that the previous snapshot has and this one lacks.",
    "member": "Name of the stack, environment or package.",
    "member_kind": "`stack`, `environment` or `package`.",
    "missing": "Environments without a spec of the package, as `linux-ubuntu22.04-zen4`.",
    "missing_count": "Roots that no spec of the stack satisfies.",
    "missing_hash": "Hash of the spec that the mirror lacks.",
    "missing_name": "Package of the spec that the mirror lacks.",
    "missing_since": "Last earlier snapshot of the kind that had the root; null: none had.",
    "nearest_hash": "Hash of the nearest spec in the cache.",
    "nearest_version": (
        "Whether the nearest spec is `older` or `newer`; null unless the version is the first "
        "difference."
    ),
    "new_spec_count": "Specs that the snapshot has and the previous one lacks.",
    "newest_version": "Newest version of the package in the snapshot, in Spack's order.",
    "os_match": "`exact`, `same os` (another target), or `older libc` (another os).",
    "oss": "Operating systems of the page's specs, sorted.",
    "other_tag": "The other snapshot of the pair.",
    "package_count": "Distinct packages: those with a spec here, or with cells that changed so.",
    "package_jaccard": "`shared_package_count` divided by `joint_package_count`, from 0 to 1.",
    "package_pct": "`package_count` as a percentage of `snapshot_package_count`.",
    "packages": "Packages whose pages were refused.",
    "page_stacks": "Stacks that list a spec of the page, with root, sorted.",
    "platforms": "Platforms that it is built for.",
    "preferred_count": "Roots of `present_count` whose preferences are met too.",
    "present_count": "Roots that a spec of the stack satisfies, with requirements met.",
    "present_pct": "`present_count` as a percentage of `root_count`.",
    "previous_spec_count": "Specs of the cell in the previous snapshot.",
    "previous_tag": "Previous snapshot of the same line, or the one compared with.",
    "previous_version_key": "Sort key of the newest version in the previous snapshot.",
    "rank": "Rank, from 1.",
    "reason": (
        "First attribute in which the nearest spec differs: version, platform, os, target, "
        "compiler, variants, dependencies; or `package`: the snapshot has no spec of it. "
        "Of a missing root: package, version, variants, compiler, target, os, dependency."
    ),
    "rebuilt_cell_count": "Cells with the same versions and no hash in common.",
    "recipes": "Hashes of the recipes, sorted.",
    "reusable_environments": "Numbers of the environments whose binaries run on the host.",
    "reusable_os": "OS of the nearest binary that runs there by Spack's rule; null: none.",
    "reusable_package_count": "Packages with a binary of any OS that runs on the host.",
    "reusable_pct": "`reusable_package_count` as a percentage of `snapshot_package_count`.",
    "reusable_target": "Target of the nearest binary that runs there by Spack's rule; null: none.",
    "root_count": "Roots of the lock file, or of the stack's environment file.",
    "shared_package_count": "Packages that both stacks have.",
    "shared_spec_count": "Specs that both stacks have.",
    "side_tag": "One of the two snapshots of the pair.",
    "snapshot_date": "Date of a weekly or dated snapshot, or the first of its month; else null.",
    "snapshot_package_count": "Packages in the whole snapshot, those unreadable included.",
    "sole_cell_count": "Cells (package, os, target) that no other stack except root covers.",
    "sole_spec_count": "Specs that no other stack except root has.",
    "source": "Source of the fact.",
    "spec_count": "Distinct specs, by package and hash.",
    "spec_jaccard": "`shared_spec_count` divided by `joint_spec_count`, from 0 to 1.",
    "spec_stack_count": "Rows of spec_stacks in the snapshot.",
    "stack": "CI stack; never `root`, the index of all of them.",
    "stack_a": "The stack that sorts first.",
    "stack_b": "The stack that sorts second.",
    "stack_count": "Distinct stacks, not counting root.",
    "stack_counts": "Specs of the page in each stack, with root.",
    "stacks": "Stacks that list it, sorted, without root.",
    "state": "`cached`, `external` (provided by the host) or `build`; of roots `missing` too.",
    "surplus_spec_count": "Specs beyond the first of each build.",
    "tag_count": "Weekly snapshots that have the spec.",
    "target": "CPU target.",
    "target_match": "`exact`, or `ancestor` for a binary built for an ancestor of the target.",
    "targets": "Targets of the page's specs, sorted.",
    "to_build_count": "Specs of the lock file that would be built.",
    "unknown_count": "Roots that can't be judged.",
    "unknown_spec_count": "Specs known from a page only: their dependencies are unknown.",
    "unknown_surplus_count": "Surplus specs whose dependencies are unknown.",
    "unlocked_cell_count": "Missing cells of other packages, all of whose specs depend on it.",
    "unlocked_package_count": "Packages with such cells.",
    "unmeant_count": "Environments that it lacks, and is not meant for.",
    "unmet_count": "Roots that specs of the stack satisfy, but with requirements unmet.",
    "unreadable_package_count": (
        "Packages without a spec whose page was refused or, if an index was, that the previous "
        "snapshot has."
    ),
    "upgraded_cell_count": "Cells whose newest version rose.",
    "usable_target": "Target of the nearest binary, same os, that runs there; null: none.",
    "variant": "Variant as the spec has it.",
    "variant_name": "Name of the variant.",
    "variant_value": "Value of the variant; `true` and `false` for `+` and `~`.",
    "version_key": "Sort key of the version: plain text order is Spack's order.",
    "version_position": "Position of the version among all, from 1 for the oldest.",
    "versions": "Distinct versions, sorted as text.",
    "versions_changed_cell_count": "Cells whose versions changed, but not the newest one.",
    "was_present": "Whether the earlier snapshot of the pair has it.",
}


def describe_column(name: str) -> str:
    """Return the description of a view's column.

    Raises
    ------
    SchemaError
        It has none.
    """
    of_tables = {
        column.name: column.description
        for table in DATABASE_TABLES[::-1]
        for column in table.columns
    }
    try:
        return VIEW_COLUMNS.get(name) or of_tables[name]
    except KeyError as error:
        raise SchemaError(f"{name}: a view's column without a description") from error
