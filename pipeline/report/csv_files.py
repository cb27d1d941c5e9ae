"""The views that are handed out as CSV files, all rows of all snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import SchemaError
from pipeline.warehouse import run_query

if TYPE_CHECKING:
    import duckdb

CSV_NAMES = ("gaps", "snapshot_changes", "stack_coverage", "rejects", "reconciliation")


def write_csv_files(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, pl.DataFrame]:
    """Write each view that has a CSV file, its rows in order; give the views' rows by name.

    Raises
    ------
    SchemaError
        A column holds lists, for which CSV has no form.
    """
    folder.mkdir(parents=True)
    views = run_query(connection, "select view_name from duckdb_views() where not internal")
    coverage = sorted(name for (name,) in views.values if name.startswith("coverage_"))
    frames = {}
    for name in (*coverage, *CSV_NAMES):
        frame = read_view(connection, name)
        nested = [column for column, dtype in frame.schema.items() if dtype.is_nested()]
        if nested:
            raise SchemaError(f"{name}: a CSV file can't hold lists: {', '.join(nested)}")
        frame.with_columns(*map(shorten, floats(frame))).write_csv(folder / f"{name}.csv")
        frames[name] = frame
    return frames


def read_view(connection: duckdb.DuckDBPyConnection, view: str) -> pl.DataFrame:
    """Read all rows of a view, in order."""
    frame: pl.DataFrame = connection.sql(f"from {view} order by all").pl()
    return frame


def floats(frame: pl.DataFrame) -> list[str]:
    """Name the columns of fractions."""
    return [column for column, dtype in frame.schema.items() if dtype.is_float()]


def shorten(column: str) -> pl.Expr:
    """Write a whole number without `.0`: of 25 MB of gaps that alone is 0.7 MB."""
    text = pl.col(column).cast(pl.String)
    return text.str.strip_suffix(".0").alias(column)
