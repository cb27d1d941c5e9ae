"""Every table: its columns, types, key and description, declared only here.

The Parquet files, the DuckDB tables with their comments and the data dictionary are all generated
from these declarations, and every stage's output must conform to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pipeline.errors import SchemaError


@dataclass(frozen=True)
class Column:
    """One column: its name, type and description, and whether it may be null."""

    name: str
    dtype: pl.DataType
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its key and columns, and whether it is partitioned by tag."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned: bool = True

    @cached_property
    def schema(self) -> pl.Schema:
        """Return the columns' names and types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def empty(self) -> pl.DataFrame:
        """Return the table without rows."""
        return self.schema.to_frame()

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` with exactly the declared columns, in order.

        Raises
        ------
        SchemaError
            A column is missing, has another type, or has a null that is not allowed.
        """
        names = set(frame.columns)
        missing = [column.name for column in self.columns if column.name not in names]
        if missing:
            raise SchemaError(f"{self.name}: columns missing: {', '.join(missing)}")
        conformed = frame.select(column.name for column in self.columns)
        for column, values in zip(self.columns, conformed.iter_columns(), strict=True):
            if values.dtype != column.dtype:
                raise SchemaError(f"{self.name}.{column.name}: {values.dtype}, not {column.dtype}")
            if not column.nullable and values.null_count():
                raise SchemaError(f"{self.name}.{column.name}: null in a column that allows none")
        return conformed


TEXT = pl.String()
TEXTS = pl.List(pl.String())
COUNT = pl.Int64()

TAG = Column("tag", TEXT, "Snapshot of the build cache, from the page's `categories`.")
PACKAGE = Column("package", TEXT, "Package, from the page's `title`.")
PAGE = Column("page", TEXT, "Path of the page, or of a build cache's index, below SOURCE.")

SPEC_STACKS = Table(
    "spec_stacks",
    "One row per spec and stack that lists it; a spec in no stack has one row with a null stack.",
    ("tag", "package", "hash", "stack"),
    (
        TAG,
        PACKAGE,
        Column("hash", TEXT, "Hash of the spec: 32 characters of Spack's base 32."),
        Column("stack", TEXT, "CI stack whose index lists the spec, or `root`.", nullable=True),
        Column("version", TEXT, "Version of the package."),
        Column("compiler", TEXT, "Compiler in Spack 1.0's form, `gcc@11.4.0`, or `none`."),
        Column("compiler_name", TEXT, "The compiler's package, or `none`."),
        Column("compiler_version", TEXT, "The compiler's version.", nullable=True),
        Column("os", TEXT, "Operating system, as `ubuntu22.04`."),
        Column("platform", TEXT, "Platform, as `linux`."),
        Column("target", TEXT, "CPU target: an archspec microarchitecture or family."),
        Column("variants", TEXTS, "Variants in the page's order, `:=` written `=`."),
        Column("size_bytes", COUNT, "Size of the binary package in bytes.", nullable=True),
        Column("tarball", TEXT, "URL of the binary package; older pages only.", nullable=True),
        PAGE,
        Column(
            "flags",
            TEXTS,
            "Compiler flags, as `cflags=-O3`, one entry per kind; null: from a page.",
            nullable=True,
        ),
        Column(
            "namespace",
            TEXT,
            "Package repository of the recipe, as `builtin`; indexes only.",
            nullable=True,
        ),
        Column(
            "package_hash",
            TEXT,
            "Hash of the recipe as concretized; indexes only.",
            nullable=True,
        ),
        Column(
            "build_spec",
            TEXT,
            "Hash of the original build of a spliced spec; null: not spliced.",
            nullable=True,
        ),
        Column(
            "provided_virtuals",
            TEXTS,
            "Virtual packages, as `mpi`, that specs of the snapshot use it for, sorted; null: "
            "from a page.",
            nullable=True,
        ),
    ),
)

PAGES = Table(
    "pages",
    "One row per accepted page, with what its `meta` declares; a rejected page is a row of "
    "rejects without an item.",
    ("tag", "package"),
    (
        TAG,
        PACKAGE,
        PAGE,
        Column("declared_spec_count", COUNT, "`meta.num_specs`.", nullable=True),
        Column("entry_count", COUNT, "Entries of `spec_details`, accepted or not."),
        Column("spec_count", COUNT, "Specs accepted."),
        Column("spec_stack_count", COUNT, "Rows of spec_stacks from the page."),
        Column("rejected_count", COUNT, "Specs rejected."),
        Column("byte_count", COUNT, "Size of the page in bytes."),
        Column(
            "declared_stack_counts",
            pl.List(pl.Struct({"stack": pl.String(), "spec_count": pl.Int64()})),
            "`meta.num_specs_by_stack`.",
            nullable=True,
        ),
        Column("declared_compilers", TEXTS, "`meta.compilers`, in Spack 1.0's form.", True),
        Column("declared_oss", TEXTS, "`meta.oss`.", nullable=True),
        Column("declared_platforms", TEXTS, "`meta.platforms`.", nullable=True),
        Column("declared_stacks", TEXTS, "`meta.stacks`.", nullable=True),
        Column("declared_targets", TEXTS, "`meta.targets`.", nullable=True),
        Column("declared_versions", TEXTS, "`meta.versions`.", nullable=True),
    ),
)

REJECTS = Table(
    "rejects",
    "One row per rejected spec, or, where item is null, per fault of a rejected page.",
    ("page", "item", "code"),
    (
        PAGE,
        Column(
            "tag",
            TEXT,
            "Snapshot, if the page or its path names it, else null (`-` in the Parquet files, "
            "since pandas can't read Hive's null partition).",
            nullable=True,
        ),
        Column("package", TEXT, "Package, if it could still be read from the page.", nullable=True),
        Column("item", COUNT, "Index in `spec_details`, from 0; null: the page.", nullable=True),
        Column("hash", TEXT, "Hash as the spec has it, valid or not.", nullable=True),
        Column("line", COUNT, "Line in the file, from 1."),
        Column("code", TEXT, "Kind of fault, from a fixed list."),
        Column("message", TEXT, "What was expected, and what was found."),
        Column("stack", TEXT, "Stack of a build cache's index, if it has one.", nullable=True),
    ),
)

DEPENDENCIES = Table(
    "dependencies",
    "One row per spec and direct dependency; only indexes of build caches have them, so a "
    "snapshot read from pages has none.",
    ("tag", "hash", "dependency_hash"),
    (
        TAG,
        Column("hash", TEXT, "Hash of the spec, or of a dependency without a binary of its own."),
        Column("dependency_hash", TEXT, "Hash of the spec that it depends on."),
        Column("dependency_name", TEXT, "Package of the spec that it depends on."),
        Column(
            "deptypes",
            TEXTS,
            "Dependency types: `build`, `link`, `run`, `test`; all four if the index names none, "
            "as Spack reads it.",
        ),
        Column("virtuals", TEXTS, "Virtual packages that it provides there, as `mpi` or `c`."),
        Column(
            "is_external",
            pl.Boolean(),
            "Whether it is an external, provided by the host, as glibc; no build cache has it.",
        ),
        Column(
            "dependency_version",
            TEXT,
            "Version of the spec that it depends on; null: the index has no record of it.",
            nullable=True,
        ),
        Column(
            "external_path",
            TEXT,
            "Prefix of an external dependency on the build host, as `/usr`.",
            nullable=True,
        ),
    ),
)

SPEC_COMPILERS = Table(
    "spec_compilers",
    "One row per spec and language that it is compiled from; only from indexes of version 8 on.",
    ("tag", "hash", "language"),
    (
        TAG,
        Column("hash", TEXT, "Hash of the spec."),
        Column("language", TEXT, "`c`, `cxx` or `fortran`."),
        Column("compiler", TEXT, "The language's compiler, as `gcc@14.2.0`."),
    ),
)

TARGETS = Table(
    "targets",
    "One row per host and binary target that runs on it, from archspec's ancestry.",
    ("host_target", "binary_target"),
    (
        Column("host_target", TEXT, "Target of the machine."),
        Column("binary_target", TEXT, "Target of a binary that runs there."),
        Column("family", TEXT, "The host's family; null: archspec lacks the name.", nullable=True),
        Column("distance", COUNT, "Fewest steps up the ancestry; 0 for itself."),
    ),
    partitioned=False,
)

LOCK_SPECS = Table(
    "lock_specs",
    "One row per concrete spec of each lock file (spack.lock) that was named as a source.",
    ("lock", "node_key"),
    (
        Column("lock", TEXT, "Lock file: its path as given, or its `--name`."),
        Column("lock_version", COUNT, "Version of the lock file's format, from 1 to 7."),
        Column("spack_version", TEXT, "Spack that wrote it; from version 5 on.", nullable=True),
        Column("hash", TEXT, "Hash of the spec; before version 4, no newer cache has it."),
        PACKAGE,
        Column("version", TEXT, "Version of the package."),
        Column("compiler", TEXT, "Compiler in Spack 1.0's form, `gcc@11.4.0`, or `none`."),
        Column("os", TEXT, "Operating system, as `ubuntu22.04`."),
        Column("platform", TEXT, "Platform, as `linux`."),
        Column("target", TEXT, "CPU target: an archspec microarchitecture or family."),
        Column("variants", TEXTS, "Variants in the lock file's order, `:=` written `=`."),
        Column("is_root", pl.Boolean(), "Whether it is a root of the environment."),
        Column(
            "is_external", pl.Boolean(), "Whether the host provides it, so that it is not built."
        ),
        Column(
            "dependencies",
            pl.List(
                pl.Struct(
                    {
                        "node_key": pl.String(),
                        "package": pl.String(),
                        "deptypes": TEXTS,
                        "virtuals": TEXTS,
                    }
                )
            ),
            "Direct dependencies: node_key, package, dependency types, and the virtual packages "
            "that each provides there.",
        ),
        Column(
            "needed_keys",
            TEXTS,
            "node_key of all link and run dependencies, direct or not, sorted.",
        ),
        Column("root_specs", TEXTS, "Roots that concretized to it, as the user wrote them."),
        Column("root_groups", TEXTS, "Groups of those roots; from version 7 on."),
        Column("flags", TEXTS, "Compiler flags, as `cflags=-O3`, one entry per kind."),
        Column("namespace", TEXT, "Package repository of the recipe.", nullable=True),
        Column("package_hash", TEXT, "Hash of the recipe; from version 4 on.", nullable=True),
        Column("node_key", TEXT, "Key of the spec in the lock file: its hash from version 4 on."),
    ),
    partitioned=False,
)

RULES = pl.List(
    pl.Struct(
        {
            "kind": pl.String(),
            "package": pl.String(),
            "specs": TEXTS,
            "when": pl.String(),
        }
    )
)

STACK_ROOTS = Table(
    "stack_roots",
    "One row per root spec of each environment file (spack.yaml) that was named as a source.",
    ("stack", "number"),
    (
        Column("stack", TEXT, "Stack: the folder of the environment file, or its `--name`."),
        Column("number", COUNT, "Number of the root in its stack, from 1."),
        Column("group_name", TEXT, "Group of specs; `default`: none."),
        Column("spec", TEXT, "Abstract spec as in the file, with lists and matrices expanded."),
        Column("package", TEXT, "Package of the root; null: unreadable.", nullable=True),
        Column(
            "requirements",
            RULES,
            "Requirements in `packages`: kind (`one_of`, `any_of`, `conflict`), the package, "
            "virtual package or `all` that they are for, abstract specs, and a condition, if any.",
        ),
        Column(
            "preferences",
            RULES,
            "Preferences in `packages`, likewise; kind is the key: `prefer`, `variants`, "
            "`version`, `target`, `compiler`, `providers`.",
        ),
        Column("doubt", TEXT, "Why the root can't be judged, whatever a cache has.", nullable=True),
        Column("file", TEXT, "File with the root, below SOURCE."),
        Column("line", COUNT, "Line in that file, from 1."),
        Column(
            "notes",
            TEXTS,
            "Parts of the stack's file that were not read or are unknown, with places.",
        ),
    ),
    partitioned=False,
)

STACK_STATES = Table(
    "stack_states",
    "One row per snapshot and root of table stack_roots; judged when the database is built.",
    ("tag", "stack", "number"),
    (
        TAG,
        Column("stack", TEXT, "Stack, as in table stack_roots."),
        Column("number", COUNT, "Number of the root in its stack, from 1."),
        Column("state", TEXT, "`present`, `missing` or `unknown`."),
        Column(
            "reason",
            TEXT,
            "For `missing`: package, version, variants, compiler, target, os or dependency; for "
            "`unknown`: what can't be judged and why.",
            nullable=True,
        ),
        Column("spec_count", COUNT, "Specs of the stack that satisfy the root."),
        Column("hashes", TEXTS, "Hashes of these specs."),
        Column(
            "requirements_met",
            pl.Boolean(),
            "Whether one of them meets the requirements; null: unknown, or there are none.",
            nullable=True,
        ),
        Column(
            "preferences_met",
            pl.Boolean(),
            "Whether one of them meets the preferences; null: unknown, or there are none.",
            nullable=True,
        ),
        Column(
            "unmet",
            TEXTS,
            "Requirements, else preferences, that the nearest of them does not meet.",
        ),
        Column("also_in", TEXTS, "Other stacks of the snapshot with a spec that satisfies it."),
    ),
)

TABLES = (
    SPEC_STACKS,
    PAGES,
    REJECTS,
    DEPENDENCIES,
    SPEC_COMPILERS,
    TARGETS,
    LOCK_SPECS,
    STACK_ROOTS,
)
# The database has one more, computed when it is built.
DATABASE_TABLES = (*TABLES, STACK_STATES)
# Tables with one partition per snapshot.
SNAPSHOT_TABLES = tuple(table for table in TABLES if table.partitioned)
