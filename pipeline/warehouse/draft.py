"""Write the database of the tables as a draft, and check it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipeline.errors import CheckError, OutputError
from pipeline.outputs import DATABASE, TABLES_FOLDER
from pipeline.schemas import DATABASE_TABLES
from pipeline.tables.parquet import check_tables
from pipeline.tables.state import State
from pipeline.warehouse.checks import check_warehouse
from pipeline.warehouse.database import (
    create_empty,
    create_views,
    load_tables,
    quote,
    update_tables,
)
from pipeline.warehouse.threads import thread_pool

# The oldest client that has to open the file; a newer storage format would lock users out.
STORAGE_VERSION = "v1.4.0"
SPECIAL = re.compile(r"[*?\[\]{}=\\]")
LOADING_MEBIBYTES = 225  # of memory per processor, for the rows of some row groups


def write_database_draft(
    out: Path, draft: Path, *, changes: set[str] | None, every_snapshot: bool
) -> None:
    """Write the database of `out`/tables to a draft, and check it.

    `changes` are the files of the tables whose rows are not in `out`'s database yet, None if all.

    Raises
    ------
    OutputError
        The tables are missing or damaged, or DuckDB can't write the draft.
    CheckError
        The new database fails a check.
    """
    check_tables(out / TABLES_FOLDER)
    try:
        with literal_paths(out, draft) as (tables, database):
            state = State(out / TABLES_FOLDER)
            if changes is not None and is_worth_updating(tables, changes):
                # Should the old database be damaged, everything is loaded again.
                with suppress(duckdb.Error, CheckError):
                    shutil.copyfile(out / DATABASE, database)
                    build_draft(tables, database, state, changes, every_snapshot=every_snapshot)
                    return
                database.unlink()
            build_draft(tables, database, state, None, every_snapshot=every_snapshot)
    except duckdb.Error as error:
        words = " ".join(str(error).split())  # DuckDB's messages may have several lines.
        raise OutputError(
            f"{out / DATABASE}: could not be built: {words}; free some space if needed; if "
            f"a table is damaged, remove {out / TABLES_FOLDER} and flatten again"
        ) from error


@contextmanager
def literal_paths(out: Path, draft: Path) -> Iterator[tuple[Path, Path]]:
    """Yield paths of the tables and of the draft that DuckDB takes literally.

    DuckDB interprets patterns and partitions (`name=value`) in paths, without a way to escape them;
    it reads a backslash as a slash, and a question mark ends the name of a database. If OUT has any
    of these in its path, a temporary folder gets a link to the tables, and the draft.
    """
    if not SPECIAL.search(str(out.resolve())):
        yield out / TABLES_FOLDER, draft
        return
    with TemporaryDirectory(prefix="cache-coverage-") as place:
        tables = Path(place, TABLES_FOLDER)
        tables.symlink_to((out / TABLES_FOLDER).resolve(), target_is_directory=True)
        yield tables, Path(place, DATABASE)
        shutil.move(Path(place, DATABASE), draft)


def is_worth_updating(tables: Path, changes: set[str]) -> bool:
    """Return whether fewer than half of the tables' files changed.

    Deleting rows leaves space in the database, which loading everything again does not.
    """
    return 2 * len(changes) < sum(1 for _ in tables.rglob("*.parquet"))


def build_draft(
    tables: Path, draft: Path, state: State, changes: set[str] | None, *, every_snapshot: bool
) -> None:
    """Write the database of the tables to a draft, and check it.

    With `changes`, the draft is the database of earlier tables, of which those files changed.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        # Spill to the folder of the draft, not to the current directory.
        "temp_directory": f"{draft}.tmp",
        # Queries do not rely on an order of a table's rows, and preserving one takes time.
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(config=config) as connection:
        connection.execute(
            f"attach {quote(str(draft))} as warehouse (storage_version '{STORAGE_VERSION}')"
        )
        connection.execute("use warehouse")
        # Write rows to disk as they come; without a limit, DuckDB would buffer many of them.
        threads = max(2, os.cpu_count() or 1)
        connection.execute(f"set memory_limit = '{threads * LOADING_MEBIBYTES} MiB'")
        if changes is None:
            fill_new(connection, tables)
        else:
            connection.begin()
            update_tables(connection, tables, changes)
            connection.commit()
        connection.execute("reset memory_limit")
        if connection.sql("from stack_roots limit 1").fetchall():
            # It imports what reads environment files, which takes as long as a check.
            from pipeline.warehouse.stack_states import fill_stack_states

            fill_stack_states(connection, tables, state)
        check_warehouse(connection, every_snapshot=every_snapshot)
        connection.execute("use memory")
        connection.execute("detach warehouse")


def fill_new(connection: duckdb.DuckDBPyConnection, tables: Path) -> None:
    """Create the tables with their rows, and the views, in the empty database in use."""
    connection.begin()  # One transaction, since DuckDB writes to disk at each commit.
    for table in DATABASE_TABLES:
        create_empty(connection, table)
    connection.commit()
    # Creating the views keeps one processor busy, and so does loading the small tables. This thread
    # loads, which takes longer, since Ctrl-C interrupts only its queries.
    with connection.cursor() as creator, thread_pool(1) as pool:
        creating = pool.submit(commit_views, creator)
        load_tables(connection, tables)
        creating.result()


def commit_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all views in the draft, in one transaction."""
    connection.execute("use warehouse")
    connection.begin()
    create_views(connection)
    connection.commit()
