"""DuckDB: load tables, create views, open the database, run queries.

Queries are in sql/, or come from the user. Imports for loading and exporting are local, since
queries start in half the time without dataframe libraries.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import OutputError, QueryError
from pipeline.outputs import DATABASE, NO_TAG
from pipeline.rows import Rows, render_rows
from pipeline.warehouse.views import STEPS, load_views

if TYPE_CHECKING:
    from pipeline.schemas import Table

CATALOG = "coverage"  # the catalog of the database in queries
LOCK = (
    "set enable_external_access = false; set allow_persistent_secrets = false; "
    "set lock_configuration = true"
)
COPY_BYTES = 1 << 20
SEALS = getattr(fcntl, "F_SEAL_WRITE", 0) | getattr(fcntl, "F_SEAL_SHRINK", 0)
SEALS |= getattr(fcntl, "F_SEAL_GROW", 0) | getattr(fcntl, "F_SEAL_SEAL", 0)
QUESTIONS = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
EXPLAIN = re.compile(r"\bexplain\b(\s+analyze\b)?(\s*\([^)]*\))?", re.IGNORECASE)
QUESTION_HINT = "use select, from, describe, show or explain"
COPY_HINT = "to write rows to a file, use 'cache-coverage query -o FILE --format parquet'"


def load_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Insert the rows of the Parquet files below `folder` into the tables, which are empty."""
    from pipeline.schemas import TABLES
    from pipeline.tables.parquet import table_glob

    # The largest is last: DuckDB loads it on all processors, and the others on one.
    for table in reversed(TABLES):
        select = read_parts(table, table_glob(folder, table))
        connection.execute(f"insert into {table.name} {select}")


def create_empty(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create `table` without a row, with its declared comments."""
    connection.register("no_rows", table.empty.to_arrow())
    connection.execute(f"create table {table.name} as select * from no_rows")
    connection.unregister("no_rows")
    connection.execute(f"comment on table {table.name} is {quote(table.description)}")
    for column in table.columns:
        connection.execute(
            f"comment on column {table.name}.{column.name} is {quote(column.description)}"
        )


def update_tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, parts: Iterable[str]
) -> None:
    """Replace the rows of some of the tables' files, by their paths below `folder`.

    A file that no longer exists has none. Table stack_states, which has no file, is emptied.
    """
    from pipeline.schemas import STACK_STATES, TABLES
    from pipeline.tables.parquet import part_tag

    tables = {table.name: table for table in TABLES}
    for part in sorted(parts):
        table = tables[Path(part).parts[0]]
        where = ""
        if table.partitioned:
            tag = part_tag(part)
            where = "where tag is null" if tag is None else f"where tag = {quote(tag)}"
        connection.execute(f"delete from {table.name} {where}")
        if (folder / part).is_file():
            select = read_parts(table, glob.escape(str(folder / part)))
            connection.execute(f"insert into {table.name} {select}")
    connection.execute(f"delete from {STACK_STATES.name}")


def read_parts(table: Table, pattern: str) -> str:
    """Return the query for the rows of a table's files."""
    columns = ", ".join(
        # Rows without a snapshot are in the partition of this name.
        f"nullif(tag, '{NO_TAG}') as tag" if column.name == "tag" else column.name
        for column in table.columns
    )
    # Tags are strings, whatever they look like.
    return (
        f"select {columns} from read_parquet({quote(pattern)}, "
        f"hive_partitioning = {str(table.partitioned).lower()}, hive_types_autocast = false)"
    )


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all views and macros of sql/, with comments on them and on their columns."""
    connection.execute(f"create schema {STEPS}")
    for view in load_views():
        connection.execute(view.statement)
        connection.execute(f"comment on {view.kind} {view.path} is {quote(view.sentence)}")
    comment_columns(connection)


def comment_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the description of each column of each view as its comment.

    Raises
    ------
    SchemaError
        A column has no description in `pipeline.warehouse.columns`.
    """
    from pipeline.warehouse.columns import describe_column

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
    """Open a private copy of `out`/coverage.duckdb read-only, as the catalog `coverage`.

    Queries can't access other files, extensions or the network. DuckDB itself would let a query
    write the file that it opened, and files beside it.

    Raises
    ------
    OutputError
        There is no database, or DuckDB can't read it.
    """
    with private_copy(out) as copy, tempfile.TemporaryDirectory() as folder:
        # DuckDB names a database by the stem of its file, and the copy may have none.
        link = Path(folder) / DATABASE
        link.symlink_to(copy.path)
        try:
            connection = duckdb.connect(str(link), read_only=True, config={"temp_directory": ""})
            connection.execute(LOCK)
        except duckdb.Error as error:
            raise damaged(out, error) from error
    return connection


def open_beside(out: Path) -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory, beside which `open_warehouse`'s is the catalog `coverage`.

    Raises
    ------
    OutputError
        There is no database, or DuckDB can't read it.
    """
    with private_copy(out) as copy:
        try:
            connection = duckdb.connect(config={"temp_directory": ""})
            connection.execute(f"attach {quote(copy.path)} as {CATALOG} (read_only)")
            connection.execute(LOCK)
        except duckdb.Error as error:
            raise damaged(out, error) from error
    return connection


def damaged(out: Path, error: Exception) -> OutputError:
    """Return the error for a database that DuckDB can't read."""
    return OutputError(
        f"{out / DATABASE}: can't be read: {error}; "
        f"remove it and run 'cache-coverage build --out {out}'"
    )


def run_query(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object] | dict[str, object] = (),
) -> Rows:
    """Run one query.

    Raises
    ------
    QueryError
        It is not read-only, or DuckDB refuses it.
    """
    try:
        check_statement(connection, sql)
        result = connection.execute(sql, parameters)
        names = unique_names(name for name, *_ in result.description)
        return Rows(names, result.fetchall())
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        # DuckDB lists candidates with tabs, which would be escaped for a terminal.
        text = str(error).expandtabs(4)
        raise QueryError(f"query: {text}\n'show all tables' lists what there is") from error
    except (duckdb.Error, UnicodeDecodeError, ValueError, OverflowError) as error:
        is_damaged = "Corrupt database" in str(error)
        advice = f"; remove {DATABASE} and run 'cache-coverage build'" if is_damaged else ""
        raise QueryError(f"query: {error}{advice}") from error


def named_parameters(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """Return the names of a query's parameters: `tag` for `$tag`."""
    try:
        statements = connection.extract_statements(sql)
    except (duckdb.Error, ValueError):
        return set()  # Running it reports the error.
    return {name for statement in statements for name in statement.named_parameters}


def export_query(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: dict[str, object],
    file: Path,
    output_format: str,
) -> None:
    """Run one query, and write its rows to `file`, as text or as Parquet with their types.

    Raises
    ------
    QueryError
        It is not read-only, or DuckDB refuses it.
    OutputError
        The file can't be written.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if output_format == "parquet":
            import pyarrow.parquet

            check_statement(connection, sql)
            table = connection.sql(sql, params=parameters).to_arrow_table()
            table = table.rename_columns(list(unique_names(table.column_names)))
            pyarrow.parquet.write_table(table, draft)
        else:
            text = render_rows(run_query(connection, sql, parameters), output_format)
            draft.write_text(text, encoding="utf-8", newline="")
        draft.replace(file)
    except duckdb.Error as error:
        raise QueryError(f"query: {error}") from error
    except OSError as error:
        raise OutputError(f"{file}: can't be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse anything but a single read-only statement, by DuckDB's statement types.

    In DuckDB, `describe`, `show` and `summarize` have type SELECT; a `pivot` that has to look up
    its columns has type MULTI.

    Raises
    ------
    QueryError
        It is refused; the message names its type.
    """
    try:
        statements = connection.extract_statements(sql)
    except ValueError as error:
        # A type that DuckDB's Python package does not know.
        raise QueryError(
            f"query: this is refused: the database is read-only; {QUESTION_HINT}"
        ) from error
    if not statements:
        raise QueryError("query: empty; use select, from or describe")
    if len(statements) > 1:
        raise QueryError("query: more than one statement; run them one at a time")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        # `explain analyze` runs the statement.
        explained = EXPLAIN.sub("", statements[0].query, count=1)
        inner = connection.extract_statements(explained)
        kind = inner[0].type if inner else kind
    if kind not in QUESTIONS:
        hint = COPY_HINT if kind == duckdb.StatementType.COPY else QUESTION_HINT
        raise QueryError(f"query: {kind.name} is refused: the database is read-only; {hint}")


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return column names, with a number appended to repeated ones.

    >>> unique_names(["tag", "n", "n"])
    ('tag', 'n', 'n_2')
    """
    counts: Counter[str] = Counter()
    unique = []
    for name in names:
        counts[name] += 1
        unique.append(name if counts[name] == 1 else f"{name}_{counts[name]}")
    return tuple(unique)


def run_session(out: Path, *, greeting: Callable[[], None] = lambda: None) -> int:
    """Run an interactive session on a private copy of `out`/coverage.duckdb; return its status.

    This is DuckDB's own client in its safe mode: no other files, no extensions, no shell, no
    network. `greeting` is called once the database is known to be readable.

    Raises
    ------
    OutputError
        There is no database, or DuckDB can't read it.
    """
    open_warehouse(out).close()
    client = Path(sysconfig.get_path("scripts")) / "duckdb"
    with private_copy(out) as copy:
        greeting()
        attach = f"attach {quote(copy.path)} as {CATALOG} (read_only); use {CATALOG}"
        setup = f"set temp_directory = ''; {attach}; {LOCK};"
        command = [str(client), "-cmd", setup, "-cmd", ".safe_mode"]
        # Leave Ctrl-C to the client, which cancels its query.
        handler = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            return subprocess.run(  # noqa: S603 - our own client, without a shell
                command, pass_fds=copy.descriptors, check=False
            ).returncode
        finally:
            signal.signal(signal.SIGINT, handler)


@dataclass(frozen=True)
class PrivateCopy:
    """A copy of the database that nobody else sees, and the descriptors for a child process."""

    path: str
    descriptors: tuple[int, ...]


@contextmanager
def private_copy(out: Path) -> Iterator[PrivateCopy]:
    """Copy `out`/coverage.duckdb to where no query can change it or write anything beside it.

    On Linux, this is sealed memory, which not even root can change; a write-ahead log that another
    client left beside the file is ignored. Elsewhere it is a temporary folder, which is removed
    once the copy is open.

    Raises
    ------
    OutputError
        There is no database, or it can't be copied.
    """
    database = out / DATABASE
    if not database.is_file():
        raise OutputError(
            f"{database}: no such database; make it with 'cache-coverage build --out {out}'"
        )
    try:
        with database.open("rb") as source, ExitStack() as stack:
            if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
                descriptor = os.memfd_create(DATABASE, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
                stack.callback(os.close, descriptor)
                with open(descriptor, "wb", closefd=False) as target:
                    shutil.copyfileobj(source, target, COPY_BYTES)
                fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
                copy = PrivateCopy(f"/proc/self/fd/{descriptor}", (descriptor,))
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                shutil.copyfile(database, Path(folder) / DATABASE)
                copy = PrivateCopy(str(Path(folder) / DATABASE), ())
            yield copy
    except OSError as error:
        raise OutputError(
            f"{error.filename or database}: can't be copied to be read: {error.strerror}"
        ) from error


def quote(text: str) -> str:
    """Return `text` as an SQL string literal, for places where parameters are not allowed."""
    return "'" + text.replace("'", "''") + "'"
