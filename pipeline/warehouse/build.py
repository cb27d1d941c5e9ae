"""Build the database if it is out of date, and replace the old one with one rename."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import CheckError, not_written
from pipeline.outputs import DATABASE, TABLES_FOLDER, clear_drafts, draft_path, hold_lock, lock_path
from pipeline.tables.state import State, fingerprint
from pipeline.warehouse.views import check_files, view_files

READ_ONLY = 0o444


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
    if not (out / TABLES_FOLDER).is_dir():  # otherwise they are checked when they are read
        from pipeline.tables.parquet import check_tables

        check_tables(out / TABLES_FOLDER)
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
            # DuckDB and Polars take longer to import than all of a run that has nothing to do.
            from pipeline.warehouse.draft import write_draft

            try:
                draft = draft_path(out, DATABASE)
                write_draft(out, draft, every_snapshot=every_snapshot)
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
    return True


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
