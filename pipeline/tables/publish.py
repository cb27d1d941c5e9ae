"""Move drafts into the published tables, and update what is computed from all partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.outputs import stored_tags
from pipeline.schemas import (
    LOCK_SPECS,
    PAGES,
    REJECTS,
    SNAPSHOT_TABLES,
    SPEC_STACKS,
    STACK_ROOTS,
    TARGETS,
    Table,
)
from pipeline.sources.rejects import Reject
from pipeline.tables.flatten import combine_tables, rejects_to_frame
from pipeline.tables.losses import Losses, count_losses, describe_refused, rejected_files
from pipeline.tables.parquet import (
    part_path,
    publish_draft,
    read_draft,
    read_table,
    remove_part,
    write_part_draft,
)
from pipeline.tables.partitions import write_drafts
from pipeline.tables.stacks import stack_roots
from pipeline.tables.state import State, TablesSummary
from pipeline.tables.targets import target_rows

if TYPE_CHECKING:
    from pipeline.sources.stacks.stack_file import StackFile

Owners = Mapping[str, Sequence[Path]]
# Words that readers may infer as a boolean, number, date or null.
WORDS = {"true", "false", "inf", "infinity", "nan", "null", "none", "epoch"}


def publish_drafts(
    tables: Path,
    owners: Owners,
    rejects: Sequence[Reject] | None,
    drafts: Path,
    locks: Mapping[str, Path] | None = None,
    stacks: Mapping[str, StackFile] | None = None,
) -> TablesSummary:
    """Replace the partitions of some tags by their drafts; return a summary of the tables.

    `owners` maps each tag to the drafts with its rows. `rejects` are those of the search for files,
    and all without a snapshot; `locks` are the run's lock files. None keeps what is published.
    """
    no_rows = {table: table.empty for table in SNAPSHOT_TABLES}
    frame = rejects_to_frame(rejects or ())
    tagged = write_drafts(no_rows | {REJECTS: frame}, drafts / "search")
    summary = State(tables).read_summary()
    losses = {**summary.losses} if summary else {}
    for tag, parts in owners.items():
        whole = [*parts, *([tagged[tag]] if tag in tagged else [])]
        losses |= publish_tag(tables, tag, whole, drafts)
    if rejects is not None or not part_path(tables, REJECTS).exists():
        publish_untagged(tables, frame.filter(pl.col("tag").is_null()), drafts / "untagged")
    publish_targets(tables, drafts / "targets")
    publish_table(tables, LOCK_SPECS, lock_rows(locks), drafts / "locks")
    root_rows = None if stacks is None else stack_roots(stacks)
    publish_table(tables, STACK_ROOTS, root_rows, drafts / "stacks")
    return count_tables(tables, losses)


def publish_tag(folder: Path, tag: str, parts: Sequence[Path], drafts: Path) -> Losses:
    """Replace the partitions of a tag by the drafts with its rows; without any, remove them.

    Returns the losses from files that can no longer be read.
    """
    if not parts:
        for table in SNAPSHOT_TABLES:
            remove_part(folder, table, tag)
        return {}
    draft = parts[0] if len(parts) == 1 else merge_drafts(tag, parts, drafts / "merged")
    losses = count_losses(folder, draft, tag)
    for table in SNAPSHOT_TABLES:
        publish_draft(draft, folder, table, tag)
    return losses


def publish_untagged(folder: Path, rejects: pl.DataFrame, draft: Path) -> None:
    """Publish rejects without a snapshot in a partition of their own.

    The other tables have it too, without rows, if readers would infer another type than string from
    the tags alone. Besides, PyArrow can't read a table without a partition.
    """
    is_clear = any(tag[0].isalpha() and tag.lower() not in WORDS for tag in stored_tags(folder))
    for table in SNAPSHOT_TABLES:
        rows = rejects.sort(REJECTS.key) if table == REJECTS else table.empty
        if is_clear and rows.is_empty():
            remove_part(folder, table, None)
        else:
            write_part_draft(rows, draft, table)
            publish_draft(draft, folder, table)


def merge_drafts(tag: str, drafts: Sequence[Path], merged: Path) -> Path:
    """Merge the drafts of one tag into one, and return it."""
    parts = [
        {table: read_draft(draft, table, tag) for table in SNAPSHOT_TABLES} for draft in drafts
    ]
    return write_drafts(combine_tables(parts), merged)[tag]


def publish_targets(folder: Path, draft: Path) -> None:
    """Write table targets, for archspec's targets and all targets in the partitions."""
    # unique() on the scan, so that memory does not grow with the number of snapshots.
    names = read_table(folder, SPEC_STACKS, pl.col("target").unique())
    publish_table(folder, TARGETS, target_rows(names["target"]), draft)


def lock_rows(locks: Mapping[str, Path] | None) -> pl.DataFrame | None:
    """Return table lock_specs of the run's lock files; None if it has none."""
    if locks is None:
        return None
    from pipeline.tables.locks import read_locks  # takes longer than counting all tables

    return read_locks(locks)


def publish_table(folder: Path, table: Table, rows: pl.DataFrame | None, draft: Path) -> None:
    """Publish a table without partitions; None keeps what is published, at first an empty table."""
    if rows is None and part_path(folder, table).exists():
        return
    write_part_draft(table.empty if rows is None else rows, draft, table)
    publish_draft(draft, folder, table)


def count_tables(folder: Path, losses: Losses) -> TablesSummary:
    """Count the rows of the tables; keep those `losses` that no file has made up for."""
    pages = read_table(folder, PAGES, "tag", "spec_count")
    locks = read_table(folder, LOCK_SPECS, "lock")["lock"]
    stacks = read_table(folder, STACK_ROOTS, "stack")["stack"]
    rejects = read_table(folder, REJECTS, *REJECTS.schema)
    codes = rejects["code"].value_counts(sort=True)
    refused = set(rejected_files(rejects)["page"])
    losses = {page: count for page, count in losses.items() if page in refused}
    return TablesSummary(
        page_count=len(pages),
        tag_count=pages["tag"].n_unique(),
        spec_count=int(pages["spec_count"].sum()),
        rejected=dict(codes.iter_rows()),
        lock_count=locks.n_unique(),
        lock_spec_count=len(locks),
        stack_count=stacks.n_unique(),
        root_count=len(stacks),
        losses=losses,
        refused_files=describe_refused(rejects, losses),
    )
