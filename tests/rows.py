"""Rows for tests of views: what matters is given, the rest has defaults."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl

from pipeline.schemas import (
    DATABASE_TABLES,
    DEPENDENCIES,
    PAGES,
    REJECTS,
    SPEC_STACKS,
    STACK_ROOTS,
    STACK_STATES,
    TARGETS,
)
from pipeline.warehouse.database import create_empty, create_views

NUMBERS = count()
# Three consecutive weekly snapshots.
WEEK_1, WEEK_2, WEEK_3 = "develop-2025-03-16", "develop-2025-03-23", "develop-2025-03-30"

# Each family with chains of targets; each target runs those after it, one step further each.
FAMILIES = {
    "x86_64": (
        ("x86_64",),
        ("x86_64_v3", "x86_64"),
        ("x86_64_v4", "x86_64_v3", "x86_64"),
        ("zen4", "x86_64_v4", "x86_64_v3", "x86_64"),
    ),
    "aarch64": (("aarch64",), ("neoverse_v1", "aarch64")),
    # No family: archspec lacks the name.
    None: (("graviton2",),),
}
# host_target, binary_target, family, distance
TARGET_ROWS = tuple(
    (line[0], binary, family, distance)
    for family, lines in FAMILIES.items()
    for line in lines
    for distance, binary in enumerate(line)
)

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Spec:
    """One spec of one snapshot, with the stacks that list it."""

    hash: str = "a"
    package: str = "zlib"
    tag: str = WEEK_1
    stacks: Sequence[str] = ("e4s", "root")
    version: str = "1.2"
    compiler: str = "gcc@11.4.0"
    platform: str = "linux"
    os: str = "ubuntu22.04"
    target: str = "x86_64_v3"
    variants: Sequence[str] = ("+shared",)
    size_bytes: int | None = None
    tarball: str | None = None
    flags: Sequence[str] | None = None
    namespace: str | None = None
    package_hash: str | None = None
    build_spec: str | None = None
    provided_virtuals: Sequence[str] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return the spec's rows of spec_stacks: one per stack, or one without."""
        name, _, version = self.compiler.partition("@")
        common = vars(self) | {
            "compiler_name": name,
            "compiler_version": version or None,
            "variants": list(self.variants),
            "page": f"{self.tag}/{self.package}/specs.md",
        }
        del common["stacks"]
        return [common | {"stack": stack} for stack in self.stacks or (None,)]


def page(package: str = "zlib", tag: str = WEEK_1, **declared: Any) -> dict[str, Any]:
    """Return a row of pages that declares only what is given, as `compilers` or `spec_count`."""
    zeros = dict.fromkeys(
        ("entry_count", "spec_count", "spec_stack_count", "rejected_count", "byte_count"), 0
    )
    row = {"tag": tag, "package": package, "page": f"{tag}/{package}/specs.md"} | zeros
    return row | {f"declared_{name}": value for name, value in declared.items()}


def needs(
    name: str,
    dependency: str,
    deptypes: Sequence[str] = ("link",),
    *,
    tag: str = WEEK_1,
    version: str | None = None,
    path: str | None = None,
) -> dict[str, Any]:
    """Return a row of dependencies; each spec's hash is its package's name; glibc is external."""
    return {
        "tag": tag,
        "hash": name,
        "dependency_hash": dependency,
        "dependency_name": dependency.partition("/")[0],
        "deptypes": list(deptypes),
        "virtuals": [],
        "is_external": dependency == "glibc",
        "dependency_version": version,
        "external_path": path,
    }


def root(stack: str, number: int, spec: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row of stack_roots."""
    return {
        "stack": stack,
        "number": number,
        "group_name": "default",
        "spec": spec,
        "package": spec.partition(" ")[0],
        "requirements": [],
        "preferences": [],
        "doubt": None,
        "file": f"{stack}/spack.yaml",
        "line": number + 1,
        "notes": list(notes),
    }


def state(tag: str, stack: str, number: int, state: str, **changes: Any) -> dict[str, Any]:
    """Return a row of stack_states; a present root meets requirements and preferences."""
    is_met = True if state == "present" else None
    return {
        "tag": tag,
        "stack": stack,
        "number": number,
        "state": state,
        "reason": "package" if state == "missing" else None,
        "spec_count": 0,
        "hashes": [],
        "requirements_met": is_met,
        "preferences_met": is_met,
        "unmet": [],
        "also_in": [],
    } | changes


def spec_stacks(specs: Iterable[Spec]) -> pl.DataFrame:
    """Return table spec_stacks of these specs."""
    rows = [row for spec in specs for row in spec.rows()]
    return pl.DataFrame(rows, schema=SPEC_STACKS.schema)


@cache
def folder() -> TemporaryDirectory[str]:
    """Return a folder for databases, which goes when the tests end."""
    return TemporaryDirectory()


@cache
def empty_database() -> Path:
    """Create a database with every table and view, and no row; creating views takes long."""
    path = Path(folder().name, "empty.duckdb")
    with duckdb.connect(str(path)) as connection:
        for table in DATABASE_TABLES:
            create_empty(connection, table)
        create_views(connection)
    return path


def open_views(
    specs: Iterable[Spec] = (),
    pages: Iterable[dict[str, Any]] = (),
    targets: Iterable[tuple[str, str, str | None, int]] = TARGET_ROWS,
    dependencies: Iterable[dict[str, Any]] = (),
    rejects: Iterable[dict[str, Any]] = (),
    stack_roots: Iterable[dict[str, Any]] = (),
    stack_states: Iterable[dict[str, Any]] = (),
) -> duckdb.DuckDBPyConnection:
    """Open a new database with these rows and every view."""
    frames = {
        SPEC_STACKS: spec_stacks(specs),
        PAGES: pl.DataFrame(list(pages), schema=PAGES.schema),
        TARGETS: pl.DataFrame(list(targets), schema=TARGETS.schema, orient="row"),
        DEPENDENCIES: pl.DataFrame(list(dependencies), schema=DEPENDENCIES.schema),
        REJECTS: pl.DataFrame(list(rejects), schema=REJECTS.schema),
        STACK_ROOTS: pl.DataFrame(list(stack_roots), schema=STACK_ROOTS.schema),
        STACK_STATES: pl.DataFrame(list(stack_states), schema=STACK_STATES.schema),
    }
    path = Path(folder().name, f"{next(NUMBERS)}.duckdb")
    shutil.copyfile(empty_database(), path)
    connection = duckdb.connect(str(path))
    for table, frame in frames.items():
        connection.register("frame", table.conform(frame).to_arrow())
        connection.execute(f"insert into {table.name} by name from frame")
        connection.unregister("frame")
    return connection


def replace_specs(connection: duckdb.DuckDBPyConnection, specs: Iterable[Spec]) -> None:
    """Replace the specs of a database."""
    connection.register("frame", spec_stacks(specs).to_arrow())
    connection.execute("delete from spec_stacks")
    connection.execute("insert into spec_stacks by name from frame")
    connection.unregister("frame")


def ask(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[str] = ()
) -> list[Row]:
    """Return the rows of a query, sorted, since views have no order."""
    return connection.execute(f"from ({query}) order by all", list(parameters)).fetchall()
