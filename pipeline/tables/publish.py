"""Move drafts into the published tables, and write what is computed from all partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.schemas import PAGES, REJECTS, SNAPSHOT_TABLES, SPEC_STACKS, TARGETS
from pipeline.sources.rejects import Reject
from pipeline.tables.flatten import combine_tables, rejects_to_frame
from pipeline.tables.parquet import (
    NO_SNAPSHOT,
    publish_draft,
    read_draft,
    read_part,
    read_table,
    remove_part,
    stored_tags,
    write_draft,
)
from pipeline.tables.partitions import write_drafts
from pipeline.tables.state import TablesSummary
from pipeline.tables.targets import target_rows


def publish_drafts(
    tables: Path,
    owners: Mapping[str | None, Sequence[Path]],
    unread: Sequence[Reject],
    drafts: Path,
) -> TablesSummary:
    """Replace the partitions of some tags by their drafts; return what the tables then hold.

    `owners` maps each tag to the drafts with its rows; `unread` lists what could not be read while
    files were searched.
    """
    if unread:
        tables_of_unread = {table: table.empty for table in SNAPSHOT_TABLES} | {
            REJECTS: rejects_to_frame(unread)
        }
        draft = write_drafts(tables_of_unread, drafts / "unread")[None]
        owners = {**owners, None: [*owners[None], draft]}
    publish_tags(tables, owners, drafts / "merged")
    publish_targets(tables, drafts / "merged")
    return count_tables(tables)


def publish_tags(folder: Path, owners: Mapping[str | None, Sequence[Path]], merged: Path) -> None:
    """Replace the partitions of some tags by their drafts; remove those of a tag without any."""
    for tag, drafts in owners.items():
        if drafts:
            draft = drafts[0] if len(drafts) == 1 else merge_drafts(tag, drafts, merged)
            for table in SNAPSHOT_TABLES:
                publish_draft(draft, folder, table, tag)
        else:
            remove_tag(folder, tag)
    stored = stored_tags(folder, PAGES)
    if None in stored and read_part(folder, REJECTS, None).is_empty():
        remove_tag(folder, None)
    remove_tag(folder, NO_SNAPSHOT)
    if stored <= {None}:
        for table in SNAPSHOT_TABLES:
            write_draft(table.empty, merged, table)
            publish_draft(merged, folder, table, NO_SNAPSHOT)


def merge_drafts(tag: str | None, drafts: Sequence[Path], merged: Path) -> Path:
    """Merge the drafts of one tag into one, and return it."""
    parts = [
        {table: read_draft(draft, table, tag) for table in SNAPSHOT_TABLES} for draft in drafts
    ]
    return write_drafts(combine_tables(parts), merged)[tag]


def remove_tag(folder: Path, tag: str | None) -> None:
    """Remove a tag's partitions."""
    for table in SNAPSHOT_TABLES:
        remove_part(folder, table, tag)


def publish_targets(folder: Path, draft: Path) -> None:
    """Write table targets for archspec's targets and all that the partitions name."""
    # unique() while scanning, so that memory does not grow with the number of snapshots.
    names = read_table(folder, SPEC_STACKS, pl.col("target").unique())
    write_draft(target_rows(names["target"]), draft, TARGETS)
    publish_draft(draft, folder, TARGETS)


def count_tables(folder: Path) -> TablesSummary:
    """Count what the tables hold."""
    pages = read_table(folder, PAGES, "tag", "spec_count")
    codes = read_table(folder, REJECTS, "code")["code"].value_counts(sort=True)
    return TablesSummary(
        page_count=len(pages),
        tag_count=pages["tag"].n_unique(),
        spec_count=int(pages["spec_count"].sum()),
        rejected=dict(codes.iter_rows()),
    )
