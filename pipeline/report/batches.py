"""Query the views of sql/ for a batch of snapshots, in an in-memory database over only their rows.

A view over a whole history needs much memory, and many views compute the same helper views again.
Here, those are stored as tables for each batch. A snapshot's rows also depend on the previous one.
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
# A snapshot with more stacks is a batch of its own, without overlaps: those grow quadratically.
MAX_STACKS = 200
# Stored once, for all snapshots.
SHARED = (
    "snapshot_tags",
    "snapshots",
    "environments",
    "package_platforms",
    "version_order",
    "operating_systems",
    "os_compatibility",
)
# Stored for each batch, since several views read them.
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
    """Create every view of sql/ in the database of `open_beside`, without any snapshot yet."""
    connection.execute(f"create schema {STEPS}")
    restrict_tables(connection, [])
    for view in load_views():
        if view.name in SHARED:
            connection.execute(f"create table {view.path} as from {CATALOG}.{view.path}")
        else:
            connection.execute(stored(view) if view.name in STORED else view.statement)


def fill_views(connection: duckdb.DuckDBPyConnection, tags: Iterable[str | None]) -> None:
    """Fill the views with the rows of these snapshots; None is ignored."""
    restrict_tables(connection, tags)
    for view in load_views():
        if view.name in STORED:
            connection.execute(stored(view))


def restrict_tables(connection: duckdb.DuckDBPyConnection, tags: Iterable[str | None]) -> None:
    """Create each table as a view of the warehouse's, limited to these snapshots if it has tags."""
    listed = ", ".join(["null", *(quote(tag) for tag in {*tags} if tag is not None)])
    for table in DATABASE_TABLES:
        where = f"where tag in ({listed})" if "tag" in table.schema else ""
        connection.execute(
            f"create or replace view {table.name} as from {CATALOG}.{table.name} {where}"
        )


def stored(view: View) -> str:
    """Return the statement that creates a view as a table."""
    return view.statement.replace("create or replace view", "create or replace table", 1)
