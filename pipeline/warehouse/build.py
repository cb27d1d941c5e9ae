"""Build the database if it is out of date, and replace the old one with one rename."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import CheckError, not_written
from pipeline.outputs import DATABASE, TABLES_FOLDER, clear_drafts, draft_path, hold_lock, lock_path
from pipeline.tables.state import DatabaseState, State, fingerprint, stamp_content
from pipeline.warehouse.views import check_files, view_files

READ_ONLY = 0o444


def build_warehouse(
    out: Path, *, every_snapshot: bool = False, waits: Callable[[], None] = lambda: None
) -> bool:
    """Build `out`/coverage.duckdb from `out`/tables and sql/, and replace it atomically.

    Returns False if it is already current. If only some partitions changed, a copy of the old
    database gets their rows. With `every_snapshot`, all is built anew, and the views of every
    snapshot are checked, not only those of the newest. `waits` is called once before waiting for
    another run that builds or publishes.

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
            changes = changed_parts(out)
            if changes == set() and not every_snapshot:
                return False
            # DuckDB and Polars take longer to import than all of a run that has nothing to do.
            from pipeline.warehouse.draft import write_database_draft

            try:
                draft = draft_path(out, DATABASE)
                write_database_draft(
                    out,
                    draft,
                    changes=None if every_snapshot else changes,
                    every_snapshot=every_snapshot,
                )
                # Clients open files for writing by default, and would leave a write-ahead log.
                draft.chmod(draft.stat().st_mode & READ_ONLY)
                draft.replace(out / DATABASE)
                state.write_database(database_state(out))
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


def changed_parts(out: Path) -> set[str] | None:
    """Return the files of the tables that changed since the database was built from them.

    Returns None if everything has to be loaded again: the code or SQL changed, or the database.
    """
    if not (out / DATABASE).is_file():
        return None
    old, new = State(out / TABLES_FOLDER).read_database(), database_state(out)
    if old is None or (old.code, old.stamp) != (new.code, new.stamp):
        return None
    return {part for part, _ in old.parts.items() ^ new.parts.items()}


def database_state(out: Path) -> DatabaseState:
    """Return what `out`/coverage.duckdb would be built from now."""
    code = hashlib.sha256(fingerprint().encode())
    for file in [*view_files(), *check_files()]:
        code.update(file.read_bytes())
    tables = out / TABLES_FOLDER
    parts = {
        str(part.relative_to(tables)): stamp_content(part) for part in tables.rglob("*.parquet")
    }
    return DatabaseState(code.hexdigest(), stamp_content(out / DATABASE), parts)
