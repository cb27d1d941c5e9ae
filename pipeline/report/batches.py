"""Some snapshots at a time, in a database in memory: the views of sql/ over their rows alone.

Over a whole history a view takes memory, and many views read the same helpers, each for itself. For
a batch of snapshots those are stored. A snapshot's rows depend on those of the one before it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pipeline.schemas import DATABASE_TABLES
from pipeline.warehouse.database import CATALOG, quote
from pipeline.warehouse.views import STEPS, View, load_views

if TYPE_CHECKING:
    import duckdb

BATCH_SPECS = 60_000  # bounds the memory
# With more stacks a snapshot is alone, without its overlap, which grows with their square.
MAX_STACKS = 200
# What is read of all snapshots.
SHARED = (
    "snapshot_tags",
    "snapshots",
    "environments",
    "package_platforms",
    "version_order",
    "operating_systems",
    "os_compatibility",
)
# What several views read.
STORED = (
    "specs",
    "cells",
    "stack_specs",
    "built_cells",
    "numbered_environments",
    "numbered_cells",
    "runnable_systems",
    "runnable_environments",
    "snapshot_changes",
)


def batches(snapshots: list[dict[str, Any]], stale: set[str]) -> Iterator[list[str]]:
    """Yield the stale tags in batches of a bounded number of specs."""
    batch: list[str] = []
    spec_count = 0
    # By tag, as the tables are: a batch is then a range of their rows.
    for row in sorted(snapshots, key=lambda row: row["tag"].encode()):
        if row["tag"] not in stale:
            continue
        weight = BATCH_SPECS if row["stack_count"] > MAX_STACKS else row["spec_count"]
        if batch and spec_count + weight > BATCH_SPECS:
            yield batch
            batch, spec_count = [], 0
        batch.append(row["tag"])
        spec_count += weight
    if batch:
        yield batch


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every view of sql/ in the database of `open_beside`, over no snapshot yet."""
    connection.execute(f"create schema {STEPS}")
    restrict_tables(connection, [])
    for view in load_views():
        if view.name in SHARED:
            connection.execute(f"create table {view.path} as from {CATALOG}.{view.path}")
        else:
            connection.execute(stored(view) if view.name in STORED else view.statement)


def fill_views(connection: duckdb.DuckDBPyConnection, tags: Iterable[str | None]) -> None:
    """Let the views have the rows of some snapshots; a tag that is None is none."""
    restrict_tables(connection, tags)
    for view in load_views():
        if view.name in STORED:
            connection.execute(stored(view))


def restrict_tables(connection: duckdb.DuckDBPyConnection, tags: Iterable[str | None]) -> None:
    """Create the tables as views of the warehouse's, those with a tag over some snapshots alone."""
    listed = ", ".join(["null", *(quote(tag) for tag in {*tags} if tag is not None)])
    for table in DATABASE_TABLES:
        has_tag = any(column.name == "tag" for column in table.columns)
        where = f"where tag in ({listed})" if has_tag else ""
        connection.execute(
            f"create or replace view {table.name} as from {CATALOG}.{table.name} {where}"
        )


def stored(view: View) -> str:
    """Return the statement that stores a view's rows under its name."""
    return view.statement.replace("create or replace view", "create or replace table", 1)
