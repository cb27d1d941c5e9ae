"""What is said to DuckDB: tables loaded, views made, a database opened, questions asked.

The questions themselves are in sql/ or the user's.
"""

from __future__ import annotations

import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import OutputError, QueryError
from pipeline.outputs import DATABASE
from pipeline.rows import Rows
from pipeline.schemas import TABLES, Table
from pipeline.tables.parquet import table_glob
from pipeline.warehouse.columns import describe_column

if TYPE_CHECKING:
    import polars as pl

LOCK_SETTINGS = "set allow_persistent_secrets = false; set lock_configuration = true"
PACKAGE = Path(__file__).parent.parent
# Beside the package in a checkout, inside it in a wheel.
SQL_FOLDER = next(folder for folder in (PACKAGE / "sql", PACKAGE.parent / "sql") if folder.is_dir())
# A macro is a table macro if a table is what it is: `create or replace macro … (…) as table`.
DEFINES = re.compile(
    r"^create or replace (view|macro) (\w+)(?:\([^)]*\) as( table)?)?", re.MULTILINE
)


def load_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Load every table's Parquet files below `folder`, in their partitions' order."""
    for table in TABLES:
        columns = ", ".join(column.name for column in table.columns)
        # Tags are text, whatever they look like.
        source = (
            f"read_parquet({quote(table_glob(folder, table))}, "
            f"hive_partitioning = {str(table.partitioned).lower()}, hive_types_autocast = false)"
        )
        create_table(connection, table, f"select {columns} from {source}")


def load_frames(connection: duckdb.DuckDBPyConnection, **frames: pl.DataFrame) -> None:
    """Load every table from the frame of its name, empty where none is given."""
    for table in TABLES:
        frame = table.conform(frames.get(table.name, table.empty))
        connection.register("frame", frame.to_arrow())
        create_table(connection, table, "select * from frame")
        connection.unregister("frame")


def create_table(connection: duckdb.DuckDBPyConnection, table: Table, select: str) -> None:
    """Make `table` of what `select` gives, with its declared comments."""
    connection.execute(f"create table {table.name} as {select}")
    connection.execute(f"comment on table {table.name} is {quote(table.description)}")
    for column in table.columns:
        connection.execute(
            f"comment on column {table.name}.{column.name} is {quote(column.description)}"
        )


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every view and macro of sql/, in the order of their paths, with their comments."""
    for file in view_files():
        statement = file.read_text(encoding="utf-8")
        connection.execute(statement)
        defined = DEFINES.search(statement)
        if defined is None or defined[2] != file.stem:
            raise OutputError(f"{file}: does not define {file.stem}; name it for its view")
        kind = defined[1] + (defined[3] or "")
        connection.execute(f"comment on {kind} {file.stem} is {quote(header(statement)[0])}")
    comment_columns(connection)


def comment_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Put on each column of each view what it means.

    Raises
    ------
    SchemaError
        Of one of them nobody has said it.
    """
    columns = connection.execute(
        "select view_name, column_name from duckdb_columns() inner join duckdb_views() "
        "on view_oid = table_oid and duckdb_views.database_oid = duckdb_columns.database_oid "
        "where not duckdb_views.internal"
    ).fetchall()
    for view, name in columns:
        meaning = quote(describe_column(name))
        connection.execute(f"comment on column {view}.{name} is {meaning}")


def view_files() -> list[Path]:
    """Give the files of sql/ that make views, in the order in which they build on each other."""
    return sorted(SQL_FOLDER.glob("[0-9]_*/*.sql"))


def header(statement: str) -> list[str]:
    """Give the comment lines that open a file of sql/, without their dashes."""
    lines = statement.splitlines()
    count = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return [line.removeprefix("--").strip() for line in lines[:count]]


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
