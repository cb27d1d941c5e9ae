"""What is said to DuckDB: tables loaded, views made, a database opened, questions asked.

The questions themselves are in sql/ or the user's.
"""

from __future__ import annotations

import sysconfig
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from pipeline.errors import OutputError, QueryError
from pipeline.outputs import DATABASE, NO_TAG
from pipeline.rows import Rows
from pipeline.schemas import TABLES, Table
from pipeline.tables.parquet import table_glob
from pipeline.warehouse.columns import describe_column
from pipeline.warehouse.views import STEPS, load_views

LOCK_SETTINGS = "set allow_persistent_secrets = false; set lock_configuration = true"


def load_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Load every table's Parquet files below `folder`, in their partitions' order."""
    for table in TABLES:
        columns = ", ".join(
            # Rows of no snapshot are in a partition of this name.
            f"nullif(tag, '{NO_TAG}') as tag" if column.name == "tag" else column.name
            for column in table.columns
        )
        # Tags are text, whatever they look like.
        source = (
            f"read_parquet({quote(table_glob(folder, table))}, "
            f"hive_partitioning = {str(table.partitioned).lower()}, hive_types_autocast = false)"
        )
        create_table(connection, table, f"select {columns} from {source}")


def create_table(connection: duckdb.DuckDBPyConnection, table: Table, select: str) -> None:
    """Make `table` of what `select` gives, with its declared comments."""
    connection.execute(f"create table {table.name} as {select}")
    connection.execute(f"comment on table {table.name} is {quote(table.description)}")
    for column in table.columns:
        connection.execute(
            f"comment on column {table.name}.{column.name} is {quote(column.description)}"
        )


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every view and macro of sql/ with its comment, and those of its columns."""
    connection.execute(f"create schema {STEPS}")
    for view in load_views():
        connection.execute(view.statement)
        connection.execute(f"comment on {view.kind} {view.path} is {quote(view.sentence)}")
    comment_columns(connection)


def comment_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the meaning of each column of each view as its comment.

    Raises
    ------
    SchemaError
        `pipeline.warehouse.columns` has no meaning for one of them.
    """
    columns = connection.execute(
        "select duckdb_views.schema_name, view_name, column_name "
        "from duckdb_columns() inner join duckdb_views() "
        "on view_oid = table_oid and duckdb_views.database_oid = duckdb_columns.database_oid "
        "where not duckdb_views.internal"
    ).fetchall()
    for schema, view, name in columns:
        meaning = quote(describe_column(name))
        connection.execute(f"comment on column {schema}.{view}.{name} is {meaning}")


def open_warehouse(out: Path) -> duckdb.DuckDBPyConnection:
    """Open `out`/coverage.duckdb to read, with no way to other files or the network.

    Raises
    ------
    OutputError
        There is no database, or it is none that DuckDB reads.
    """
    database = out / DATABASE
    if not database.is_file():
        raise OutputError(
            f"{database}: no such database; make it with 'cache-coverage build --out {out}'"
        )
    try:
        return duckdb.connect(
            str(database),
            read_only=True,
            config={"enable_external_access": "false", "lock_configuration": "true"},
        )
    except duckdb.Error as error:
        raise OutputError(
            f"{database}: could not be opened: {error}; "
            f"remove it and run 'cache-coverage build --out {out}'"
        ) from error


def run_query(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object] | dict[str, object] = (),
) -> Rows:
    """Run one query.

    Raises
    ------
    QueryError
        DuckDB refuses it, or it gives no rows at all, not even none.
    """
    try:
        if len(connection.extract_statements(sql)) > 1:
            raise QueryError("query: more than one statement; ask them one at a time")
        result = connection.execute(sql, parameters)
        if result is None or not result.description:
            raise QueryError("query: nothing was asked; write select, from or describe")
        return Rows(unique_names(name for name, *_ in result.description), result.fetchall())
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise QueryError(f"query: {error}\n'show all tables' lists what there is") from error
    except duckdb.Error as error:
        raise QueryError(f"query: {error}") from error


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Give column names, one that comes again with its number behind it.

    >>> unique_names(["tag", "n", "n"])
    ('tag', 'n', 'n_2')
    """
    counts: Counter[str] = Counter()
    unique = []
    for name in names:
        counts[name] += 1
        unique.append(name if counts[name] == 1 else f"{name}_{counts[name]}")
    return tuple(unique)


def shell_command(out: Path) -> list[str]:
    """Give the command of an interactive session on `out`/coverage.duckdb.

    It is DuckDB's own client, read-only and in its safe mode: no other files, no extensions, no
    shell, no network. That mode leaves settings open which name files to write; they are locked.
    """
    open_warehouse(out).close()
    client = Path(sysconfig.get_path("scripts")) / "duckdb"
    return [str(client), "-readonly", "-safe", "-cmd", LOCK_SETTINGS, str(out / DATABASE)]


def quote(text: str) -> str:
    """Write `text` as an SQL string, for the places where no parameter can stand."""
    return "'" + text.replace("'", "''") + "'"
