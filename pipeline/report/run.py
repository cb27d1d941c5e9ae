"""Write the reports if they are out of date, and replace the old ones in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import not_written
from pipeline.outputs import (
    DATABASE,
    REPORTS_FOLDER,
    clear_drafts,
    draft_path,
    hold_lock,
    lock_path,
    replace_folder,
)
from pipeline.report.state import database_digest, has_files, read_state

if TYPE_CHECKING:
    from pipeline.sources.locks.lock_file import LockFile

NO_LOCKS: Mapping[str, LockFile] = {}


def write_reports(
    out: Path,
    *,
    all_rows: bool = False,
    host: dict[str, str] | None = None,
    locks: Mapping[str, LockFile] = NO_LOCKS,
    waits: Callable[[], None] = lambda: None,
) -> list[str]:
    """Write `out`/reports, as far as they are not current, and return five lines on them.

    With `all_rows` the CSV files of a long history hold all of it. `host` is the `os` and `target`
    that the page begins with; `locks`, by their names, are lock files that have a part of their
    own. `waits` is called if another run writes the reports, before this one waits for it.

    Raises
    ------
    OutputError
        There is no database, it is damaged, or the reports can't be written.
    """
    folder, draft = out / REPORTS_FOLDER, draft_path(out, REPORTS_FOLDER)
    if not (out / DATABASE).is_file():
        from pipeline.warehouse.database import open_beside

        open_beside(out)  # says so, before anything is touched
    try:
        with hold_lock(lock_path(out, REPORTS_FOLDER), waits=waits):
            clear_drafts(out, REPORTS_FOLDER)
            state = read_state(folder)
            digest = database_digest(out, all_rows, host, msgspec.json.encode(locks))
            if state and state.made_of == digest and has_files(folder, state.files):
                return [report_line(out), *state.lines]
            # It imports DuckDB and Polars, which takes longer than a run with nothing to do.
            from pipeline.report.write import write_report_draft

            try:
                lines = write_report_draft(
                    out, draft, state, digest, all_rows=all_rows, host=host, locks=locks
                )
                replace_folder(draft, folder)
            finally:
                clear_drafts(out, REPORTS_FOLDER)
    except OSError as error:
        raise not_written(error, out) from error
    return [report_line(out), *lines]


def report_line(out: Path) -> str:
    """Return the line that says where the reports are."""
    return f"reports:  {out / REPORTS_FOLDER / 'index.html'}, summary.md, csv/, parquet/"
