"""Export views as files for other tools: Parquet per snapshot, and CSV.

`parquet/VIEW/TAG.parquet` is written once per snapshot, and the CSV files from those, so
that each view is read once. Views with many rows have a file per snapshot, `csv/VIEW/TAG.csv.gz`,
and in `csv/VIEW.csv` all rows of a short history, or those of the newest snapshot of a long one.
"""

from __future__ import annotations

import gzip
import io
from itertools import chain
from pathlib import Path

import polars as pl

from pipeline.outputs import NO_TAG
from pipeline.report.views import Frames
from pipeline.warehouse.views import load_views

CSV_VIEWS = (
    "gaps",
    "snapshot_changes",
    "snapshot_membership",
    "stack_coverage",
    "reconciliation",
)
# Not by snapshot: a page may be refused before its tag is known.
WHOLE_VIEWS = ("rejects",)
# Of the newest snapshot alone: what to build next, and whether what is there can be installed.
NEWEST_VIEWS = ("gap_priority", "dependents", "installable_coverage", "closure_holes")
LARGE_VIEWS = ("gaps", "snapshot_changes")
# More snapshots than these, and the file of a large view holds the newest alone.
SHORT_HISTORY = 12
# These too have Parquet files: the page is made of them.
OTHER_VIEWS = (
    "duplicate_packages",
    "matrix_cells",
    "newest_versions",
    "package_snapshots",
    "root_holes",
)

PARQUET, CSV = "parquet", "csv"
LEVEL = 4  # of compression: the next one takes a third more time for a twentieth less


def csv_views() -> list[str]:
    """Return the names of the views with a tag that have a CSV file."""
    coverage = sorted(view.name for view in load_views() if view.name.startswith("coverage_"))
    return [*coverage, *CSV_VIEWS]


def snapshot_files(tag: str, views: list[str]) -> list[str]:
    """Return the paths, relative to the reports, that `export_snapshot` writes."""
    return [
        *(f"{PARQUET}/{view}/{tag}.parquet" for view in [*views, *OTHER_VIEWS]),
        *(f"{CSV}/{view}/{tag}.csv.gz" for view in LARGE_VIEWS),
    ]


def export_snapshot(folder: Path, tag: str, frames: Frames, views: list[str]) -> None:
    """Write one snapshot's rows of each view, as Parquet and those of large views as CSV."""
    for view in [*views, *OTHER_VIEWS]:
        export_rows(folder, view, tag, frames[view])
    for view in LARGE_VIEWS:
        (folder / CSV / view).mkdir(parents=True, exist_ok=True)
        packed = gzip.compress(csv_text(frames[view]).encode(), LEVEL, mtime=0)
        (folder / CSV / view / f"{tag}.csv.gz").write_bytes(packed)


def export_rows(folder: Path, view: str, tag: str, frame: pl.DataFrame) -> None:
    """Write one snapshot's rows of a view to `parquet/VIEW/TAG.parquet`."""
    path = folder / PARQUET / view / f"{tag}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    frame.write_parquet(content, compression="zstd", statistics=False)
    # Not by Polars, to which a full disk is a fault of the data.
    path.write_bytes(content.getbuffer())


def write_whole(
    folder: Path,
    views: list[str],
    tags: list[str],
    newest: str | None,
    whole: Frames,
    *,
    all_rows: bool,
) -> dict[str, int]:
    """Write `csv/VIEW.csv` for each view, from the snapshots' Parquet files or from `whole`.

    Large views of a long history are written for `newest` alone, unless `all_rows` are asked for.
    Returns the number of rows in each file.
    """
    (folder / CSV).mkdir(exist_ok=True)

    def of_history(view: str) -> pl.DataFrame:
        is_short = view not in LARGE_VIEWS or len(tags) <= SHORT_HISTORY or all_rows
        frame = read_exported(folder, view, tags if is_short or newest is None else [newest])
        return frame.sort(pl.all(), nulls_last=True)

    rows = {}
    for view, frame in chain(((view, of_history(view)) for view in views), whole.items()):
        rows[view] = write_csv(folder, view, frame)
    return rows


def write_csv(folder: Path, view: str, frame: pl.DataFrame) -> int:
    """Write rows of a view to `csv/VIEW.csv`, and return how many they are."""
    (folder / CSV / f"{view}.csv").write_text(csv_text(frame), encoding="utf-8")
    return frame.height


def read_exported(folder: Path, view: str, tags: list[str]) -> pl.DataFrame:
    """Return a view's rows of some snapshots, from their Parquet files."""
    files = [folder / PARQUET / view / f"{tag}.parquet" for tag in tags or [NO_TAG]]
    return pl.read_parquet(files, glob=False, hive_partitioning=False)


def csv_text(frame: pl.DataFrame) -> str:
    """Return rows as CSV: RFC 4180, nulls empty, list items separated by spaces."""
    lists = pl.selectors.list().list.join(" ")
    # A whole number goes without `.0`: in the gaps of a year that alone is a megabyte.
    fractions = pl.selectors.float().cast(pl.String).str.strip_suffix(".0")
    return frame.with_columns(fractions, lists).write_csv()
