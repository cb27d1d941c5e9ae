"""Build the database: write a draft, check it, and replace the old one with one rename."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipeline.errors import CheckError, OutputError, not_written
from pipeline.outputs import DATABASE, TABLES_FOLDER, clear_drafts, draft_path, hold_lock, lock_path
from pipeline.schemas import TABLES
from pipeline.tables.state import State, fingerprint
from pipeline.warehouse.checks import check_files, check_warehouse
from pipeline.warehouse.database import create_views, load_tables, quote
from pipeline.warehouse.views import view_files

# The oldest client that has to open the file; a newer storage format would lock users out.
STORAGE_VERSION = "v1.4.0"
READ_ONLY = 0o444
SPECIAL = re.compile(r"[*?\[\]{}=\\]")
LOADING_MEBIBYTES = 225  # of memory per processor, for the rows of some row groups


def build_warehouse(
    out: Path, *, every_snapshot: bool = False, waits: Callable[[], None] = lambda: None
) -> bool:
    """Build `out`/coverage.duckdb from `out`/tables and sql/, and replace it atomically.

    Returns False if it is already current. With `every_snapshot`, it is always built, and the views
    of every snapshot are checked, not only those of the newest. `waits` is called once before
    waiting for another run that builds or publishes.

    Raises
    ------
    OutputError
        The tables are missing or unreadable, or the file can't be written.
    CheckError
        The new database fails a check; the old one is kept.
    """
    for table in TABLES:
        if not (out / TABLES_FOLDER / table.name).is_dir():
            raise OutputError(
                f"{out / TABLES_FOLDER / table.name}: no such table; make it with "
                f"'cache-coverage flatten SOURCE --out {out}'"
            )
    state = State(out / TABLES_FOLDER)
    try:
        with (
            hold_lock(lock_path(out, "build"), waits=waits),
            # Prevent the tables from being published while they are read.
            hold_lock(lock_path(out, "publication"), is_shared=True, waits=waits),
        ):
            clear_drafts(out, DATABASE)
            # Left by a killed client; it does not belong to the new database.
            (out / f"{DATABASE}.wal").unlink(missing_ok=True)
            if is_current(out) and not every_snapshot:
                return False
            try:
                draft = draft_path(out, DATABASE)
                with literal_paths(out, draft) as (tables, database):
                    build_draft(tables, database, every_snapshot=every_snapshot)
                # Clients open files for writing by default, and would leave a write-ahead log.
                draft.chmod(draft.stat().st_mode & READ_ONLY)
                draft.replace(out / DATABASE)
                state.write_database(build_signature(out))
            finally:
                clear_drafts(out, DATABASE)
    except CheckError as error:
        raise CheckError(
            f"{out / DATABASE}: not rebuilt, the old database is kept: {error}\n"
            f"if a table is damaged, remove {out / TABLES_FOLDER} and flatten again"
        ) from error
    except OSError as error:
        raise not_written(error, out / DATABASE) from error
    except duckdb.Error as error:
        words = " ".join(str(error).split())  # DuckDB's messages may have several lines.
        raise OutputError(
            f"{out / DATABASE}: could not be built: {words}; free some space if needed; if "
            f"a table is damaged, remove {out / TABLES_FOLDER} and flatten again"
        ) from error
    return True


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


def build_draft(tables: Path, draft: Path, *, every_snapshot: bool) -> None:
    """Write the database of the tables to a draft, and check it."""
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
        load_tables(connection, tables)
        connection.execute("reset memory_limit")
        connection.begin()  # One transaction, since DuckDB writes to disk at each commit.
        create_views(connection)
        connection.commit()
        check_warehouse(connection, every_snapshot=every_snapshot)
        connection.execute("use memory")
        connection.execute("detach warehouse")


def is_current(out: Path) -> bool:
    """Return whether `out`/coverage.duckdb is up to date with the tables and sql/."""
    state = State(out / TABLES_FOLDER)
    return (out / DATABASE).is_file() and state.read_database() == build_signature(out)


def build_signature(out: Path) -> str:
    """Return a digest of everything that a build depends on, and of the database."""
    digest = hashlib.sha256(fingerprint().encode())
    for file in [*view_files(), *check_files()]:
        digest.update(file.read_bytes())
    for part in [*sorted((out / TABLES_FOLDER).rglob("*.parquet")), out / DATABASE]:
        status = part.stat()
        digest.update(f"{part.relative_to(out)} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()
