"""The database made anew: beside the old one, checked, and put into its place by one rename."""

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

# The oldest client that must open the file; a newer storage format would lock users out.
STORAGE_VERSION = "v1.4.0"
READ_ONLY = 0o444
SPECIAL = re.compile(r"[*?\[\]{}=\\]")
LOADING_MEBIBYTES = 225  # of memory a processor, for the rows of some groups


def build_warehouse(
    out: Path, *, every_snapshot: bool = False, waits: Callable[[], None] = lambda: None
) -> bool:
    """Make `out`/coverage.duckdb from `out`/tables and sql/, replacing it in one rename.

    Gives False where it is current already, and nothing was done. With `every_snapshot` it is
    built and checked in any case, the views of every snapshot and not of the newest alone.
    `waits` is called if another run builds or publishes, before this one waits for it.

    Raises
    ------
    OutputError
        The tables are missing or unreadable, or the file can't be written.
    CheckError
        What was built contradicts itself; the old database stays.
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
            # No tables are published while they are read.
            hold_lock(lock_path(out, "publication"), is_shared=True, waits=waits),
        ):
            clear_drafts(out, DATABASE)
            # A client that was killed left it; to the next database it would be somebody else's.
            (out / f"{DATABASE}.wal").unlink(missing_ok=True)
            if is_current(out) and not every_snapshot:
                return False
            try:
                draft = draft_path(out, DATABASE)
                with literal_paths(out, draft) as (tables, database):
                    build_draft(tables, database, every_snapshot=every_snapshot)
                # Clients open files to write by default, and would leave a log of what they wrote.
                draft.chmod(draft.stat().st_mode & READ_ONLY)
                draft.replace(out / DATABASE)
                state.write_database(build_signature(out))
            finally:
                clear_drafts(out, DATABASE)
    except CheckError as error:
        raise CheckError(
            f"{out / DATABASE}: not built anew, what was there stays: {error}\n"
            f"if a table is damaged, remove {out / TABLES_FOLDER} and flatten again"
        ) from error
    except OSError as error:
        raise not_written(error, out / DATABASE) from error
    except duckdb.Error as error:
        words = " ".join(str(error).split())  # DuckDB's own may be several lines.
        raise OutputError(
            f"{out / DATABASE}: could not be built: {words}; free some space if it is short; if "
            f"a table is damaged, remove {out / TABLES_FOLDER} and flatten again"
        ) from error
    return True


@contextmanager
def literal_paths(out: Path, draft: Path) -> Iterator[tuple[Path, Path]]:
    """Yield paths of the tables and of the draft that DuckDB takes as they are written.

    In a path of files it reads patterns and partitions (`name=value`), for which it knows no
    escape; a backslash is a slash to it, and a question mark ends a database's name. Where OUT has
    any of these in its path, the tables get a link and the draft a place in a temporary folder.
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
    """Write the database of some tables as a draft, and check it."""
    config: dict[str, str | bool | int | float | list[str]] = {
        # What does not fit into memory goes where drafts go, and not where the user happens to be.
        "temp_directory": f"{draft}.tmp",
        # Rows of a table have no order that a query may rely on, and keeping one takes time.
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(config=config) as connection:
        connection.execute(
            f"attach {quote(str(draft))} as warehouse (storage_version '{STORAGE_VERSION}')"
        )
        connection.execute("use warehouse")
        # Rows go to disk as they come; without a limit many of them would be held back first.
        threads = max(2, os.cpu_count() or 1)
        connection.execute(f"set memory_limit = '{threads * LOADING_MEBIBYTES} MiB'")
        load_tables(connection, tables)
        connection.execute("reset memory_limit")
        connection.begin()  # Each statement by itself would be written down by itself.
        create_views(connection)
        connection.commit()
        check_warehouse(connection, every_snapshot=every_snapshot)
        connection.execute("use memory")
        connection.execute("detach warehouse")


def is_current(out: Path) -> bool:
    """Whether `out`/coverage.duckdb is what a build would make of tables and sql/ as they are."""
    state = State(out / TABLES_FOLDER)
    return (out / DATABASE).is_file() and state.read_database() == build_signature(out)


def build_signature(out: Path) -> str:
    """Return a digest of all that a build depends on, and of the database that it made."""
    digest = hashlib.sha256(fingerprint().encode())
    for file in [*view_files(), *check_files()]:
        digest.update(file.read_bytes())
    for part in [*sorted((out / TABLES_FOLDER).rglob("*.parquet")), out / DATABASE]:
        status = part.stat()
        digest.update(f"{part.relative_to(out)} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()
