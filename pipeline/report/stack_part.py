"""What the part "Intended and actual" shows, and its files: stacks against their snapshots.

It is there only where environment files were flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.report.exports import SHORT_HISTORY, export_rows, write_csv

if TYPE_CHECKING:
    import duckdb

VIEWS = ("stack_intent", "stack_missing", "shared_missing_roots", "unintended_packages")
# Of a long history their CSV files hold the newest snapshot alone.
LARGE_VIEWS = VIEWS[1:]
SNAPSHOTS_SHOWN = 26  # in the heat map, half a year of weekly ones


@dataclass(frozen=True)
class StackFacts:
    """What the reports show of stacks.

    `tags` are the heat map's snapshots, the newest first, of `tag_count` that have any of the
    stacks; `cells` has rows of view stack_intent by stack and tag, where the snapshot has the
    stack. The rest is of the newest snapshot: rows of stack_intent; those of stack_missing by
    stack, of stacks that it has; of the other two views.
    """

    tags: list[str]
    tag_count: int
    cells: dict[str, dict[str, dict[str, Any]]]
    counts: list[dict[str, Any]]
    missing: dict[str, list[dict[str, Any]]]
    shared: list[dict[str, Any]]
    unintended: list[dict[str, Any]]
    csv_rows: dict[str, int]


def write_stack_files(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    tags: Sequence[str],
    newest: str | None,
    *,
    all_rows: bool,
) -> StackFacts | None:
    """Write the views of stacks as Parquet and CSV below `folder`, and return what is shown.

    `tags` are all snapshots in the order of a history. Returns None, and writes nothing, without
    environment files.
    """
    if newest is None or not connection.sql("from stack_states limit 1").fetchall():
        return None
    frames = {view: connection.sql(f"from {view} order by all").pl() for view in VIEWS}
    is_short = len(tags) <= SHORT_HISTORY or all_rows
    csv_rows = {}
    for view, frame in frames.items():
        for tag in tags:
            export_rows(folder, view, tag, of_tag(frame, tag))
        written = frame if is_short or view not in LARGE_VIEWS else of_tag(frame, newest)
        csv_rows[view] = write_csv(folder, view, written)
    found = frames["stack_intent"].filter(pl.col("spec_count") > 0)
    cells: dict[str, dict[str, dict[str, Any]]] = {
        stack: {} for stack in frames["stack_intent"]["stack"].unique().sort()
    }
    for row in found.to_dicts():
        cells[row["stack"]][row["tag"]] = row
    missing: dict[str, list[dict[str, Any]]] = {}
    for row in of_tag(frames["stack_missing"], newest).sort("stack", "number").to_dicts():
        if newest in cells[row["stack"]]:
            missing.setdefault(row["stack"], []).append(row)
    having = {*found["tag"]}
    shown = [tag for tag in reversed(tags) if tag in having]
    shared = of_tag(frames["shared_missing_roots"], newest)
    unintended = of_tag(frames["unintended_packages"], newest)
    return StackFacts(
        shown[:SNAPSHOTS_SHOWN],
        len(shown),
        cells,
        of_tag(frames["stack_intent"], newest).sort("stack").to_dicts(),
        missing,
        shared.sort("stack_count", "spec", descending=[True, False]).to_dicts(),
        unintended.sort("spec_count", "package", descending=[True, False]).to_dicts(),
        csv_rows,
    )


def of_tag(frame: pl.DataFrame, tag: str) -> pl.DataFrame:
    """Return the rows of one snapshot."""
    return frame.filter(pl.col("tag") == tag)
