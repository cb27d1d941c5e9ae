"""The views that are handed out as CSV files, all rows of all snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import SchemaError
from pipeline.report.views import Frames
from pipeline.warehouse.database import run_query

if TYPE_CHECKING:
    import duckdb

CSV_NAMES = ("gaps", "snapshot_changes", "stack_coverage", "rejects", "reconciliation")


def csv_views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Name the views that have a CSV file."""
    views = run_query(connection, "select view_name from duckdb_views() where not internal")
    coverage = sorted(name for (name,) in views.values if name.startswith("coverage_"))
    return [*coverage, *CSV_NAMES]


def write_csv_files(frames: Frames, folder: Path) -> None:
    """Write `folder`/NAME.csv for each view's rows.

    Raises
    ------
    SchemaError
        A column holds lists, for which CSV has no form.
    """
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        nested = [column for column, dtype in frame.schema.items() if dtype.is_nested()]
        if nested:
            raise SchemaError(f"{name}: a CSV file can't hold lists: {', '.join(nested)}")
        # A whole number goes without `.0`: in the gaps of a year that alone is a megabyte.
        fractions = pl.selectors.float().cast(pl.String).str.strip_suffix(".0")
        frame.with_columns(fractions).write_csv(folder / f"{name}.csv")
