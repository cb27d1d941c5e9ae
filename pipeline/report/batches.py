"""Query the views of sql/ for a batch of snapshots, in an in-memory database over only their rows.

A view over a whole history needs much memory, and many views compute the same helper views again.
Here, those are stored as tables for each batch, and names as enums, which DuckDB groups and joins
like numbers. A snapshot's rows also depend on the previous one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from pipeline.report.views import Frames, read_query
from pipeline.schemas import DATABASE_TABLES, SPEC_STACKS, TEXT, Table
from pipeline.warehouse.database import CATALOG, quote
from pipeline.warehouse.threads import thread_pool
from pipeline.warehouse.views import STEPS, View, load_views

if TYPE_CHECKING:
    import duckdb

BATCH_SPECS = 110_000  # bounds the memory
# A snapshot with more stacks is a batch of its own, without overlaps: those grow quadratically.
MAX_STACKS = 200
# The enums of names, each with its columns. Each has few values in many rows, and columns that are
# compared share one: DuckDB would compare different enums as text.
NAME_ENUMS = {
    "tag_name": ("tag", "previous_tag"),
    "package_name": ("package",),
    "stack_name": ("stack",),
    "version_name": ("version", "compiler_version"),
    "compiler_spec": ("compiler",),
    "compiler_name": ("compiler_name",),
    "os_name": ("os", "host_os", "binary_os"),
    "platform_name": ("platform",),
    "target_name": ("target", "host_target", "binary_target"),
}
# Those of lists, as JSON text.
LIST_ENUMS = {
    "variants_json": "variants",
    "flags_json": "flags",
    "virtuals_json": "provided_virtuals",
}
NAME_COLUMNS = {column: enum for enum, columns in NAME_ENUMS.items() for column in columns}
# Stored once, for all snapshots.
SHARED = (
    "snapshot_tags",
    "snapshots",
    "snapshot_stacks",
    "snapshot_packages",
    "refused_sources",
    "unreadable_packages",
    "package_platforms",
    "version_order",
    "operating_systems",
    "os_compatibility",
)
# Stored for each batch, since several views read them.
STORED = (
    "specs",
    "cells",
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


def create_batch_views(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Create views of sql/, and those that they read, without any snapshot yet.

    `connection` is one of `open_beside`.
    """
    connection.execute(f"create schema {STEPS}")
    views = load_views()
    shared = [view for view in views if view.name in SHARED]
    for view in shared:
        connection.execute(f"create table {view.path} as from {CATALOG}.{view.path}")
    create_enums(connection)
    restrict_tables(connection, [])
    own = [view for view in views if view not in shared]
    wanted = set(names)
    for view in reversed(own):
        if view.name in wanted:
            wanted.update(view.reads)
    for view in own:
        if view.name in wanted:
            connection.execute(stored(view) if view.name in STORED else view.statement)


def create_enums(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the enums from the values of their columns, and give them to the tables of SHARED."""
    tables = connection.execute(
        """
        select
            concat_ws('.', database_name, schema_name, table_name),
            list(column_name order by column_name),
            database_name = current_database()
        from duckdb_columns()
        where data_type = 'VARCHAR' and list_contains($names, column_name)
            and (database_name = current_database() or table_name in $tables)
        group by all
        """,
        {"names": list(NAME_COLUMNS), "tables": [table.name for table in DATABASE_TABLES]},
    ).fetchall()
    for enum in NAME_ENUMS:
        values = (
            f"select {name} as value from {table} where {name} is not null"
            for table, names, _ in tables
            for name in names
            if NAME_COLUMNS[name] == enum
        )
        create_enum(connection, enum, " union ".join(values))
    for enum, name in LIST_ENUMS.items():
        lists = f"select {as_json(name)} as value from {CATALOG}.spec_stacks"
        create_enum(connection, enum, f"{lists} where {name} is not null")
    for table, names, is_shared in tables:
        if is_shared:
            casts = ", ".join(map(name_cast, names))
            connection.execute(
                f"create or replace table {table} as select * replace ({casts}) from {table}"
            )


def create_enum(connection: duckdb.DuckDBPyConnection, enum: str, values: str) -> None:
    """Create an enum from a query for its values, which are in column `value`."""
    connection.execute(
        f"create type {enum} as enum (select distinct value from ({values}) order by value)"
    )


def read_batch(
    connection: duckdb.DuckDBPyConnection,
    tags: Sequence[str],
    previous_tags: Iterable[str | None],
    queries: dict[str, str],
) -> Frames:
    """Return the rows of each query by name, limited to `tags`.

    Views also see the `previous_tags`. Each is stored as soon as those that it reads are, and each
    query runs as soon as its views are stored: few of them keep all processors busy by themselves.
    """
    restrict_tables(connection, [*tags, *previous_tags])
    frames: Frames = {}

    def run(task: str | View) -> None:
        if isinstance(task, str):
            frames[task] = read_query(connection, queries[task], tags)
        else:
            with connection.cursor() as cursor:
                cursor.execute(stored(task))

    order = TopologicalSorter(batch_tasks(connection, queries))
    order.prepare()
    running: dict[Future[None], str | View] = {}
    with thread_pool() as pool:
        while order.is_active():
            # Views first: other tasks may wait for them, but none for a query.
            for task in sorted(order.get_ready(), key=lambda task: isinstance(task, str)):
                running[pool.submit(run, task)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                order.done(running.pop(future))
    return {name: frames[name] for name in queries}


def batch_tasks(
    connection: duckdb.DuckDBPyConnection, queries: dict[str, str]
) -> dict[str | View, set[View]]:
    """Return the names of the queries and the views to store, each with the views that it needs."""
    views = {view.name: view for view in load_views() if view.name not in SHARED}

    def stored_below(names: Iterable[str]) -> set[View]:
        found = [views[name] for name in names if name in views]
        return {view for view in found if view.name in STORED}.union(
            *(stored_below(view.reads) for view in found if view.name not in STORED)
        )

    tasks: dict[str | View, set[View]] = {
        name: stored_below(connection.get_table_names(query)) for name, query in queries.items()
    }
    waiting = set[View]().union(*tasks.values())
    while waiting:
        view = waiting.pop()
        tasks[view] = stored_below(view.reads)
        waiting |= tasks[view] - tasks.keys()
    return tasks


def restrict_tables(connection: duckdb.DuckDBPyConnection, tags: Iterable[str | None]) -> None:
    """Limit each of the warehouse's tables to these snapshots, if it has tags.

    Table spec_stacks, which most views read, is stored, the others are views.
    """
    listed = ", ".join(["null", *(quote(tag) for tag in {*tags} if tag is not None)])
    for table in DATABASE_TABLES:
        where = f"where tag in ({listed})" if "tag" in table.schema else ""
        kind = "table" if table is SPEC_STACKS else "view"
        connection.execute(
            f"create or replace {kind} {table.name} as "
            f"select {select_list(table)} from {CATALOG}.{table.name} {where}"
        )


def select_list(table: Table) -> str:
    """Return a table's columns for `select`, as enums where there are any."""
    casts = [name_cast(name) for name in NAME_COLUMNS if table.schema.get(name) == TEXT]
    if table is SPEC_STACKS:
        casts += [f"{as_json(name)}::{enum} as {name}" for enum, name in LIST_ENUMS.items()]
    return f"* replace ({', '.join(casts)})" if casts else "*"


def name_cast(name: str) -> str:
    """Return the expression of `replace` for a column of names, as its enum."""
    return f"{name}::{NAME_COLUMNS[name]} as {name}"


def as_json(name: str) -> str:
    """Return the expression for a list as JSON text."""
    return f"to_json({name})::varchar"


def stored(view: View) -> str:
    """Return the statement that creates a view as a table."""
    return view.statement.replace("create or replace view", "create or replace table", 1)
