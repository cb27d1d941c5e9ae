"""Drafts to the published tables, all of them replaced in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from pipeline.schemas import PAGES, REJECTS, SPEC_STACKS, TARGETS
from pipeline.sources.rejects import Reject
from pipeline.tables.flatten import Tables, combine_tables, rejects_to_frame
from pipeline.tables.parquet import (
    NO_SNAPSHOT,
    publish_part,
    read_draft_part,
    read_part,
    read_table,
    remove_part,
    stored_tags,
    write_draft_part,
)
from pipeline.tables.partitions import PAGE_TABLES, write_draft
from pipeline.tables.state import Outcome
from pipeline.tables.targets import target_rows


def publish_drafts(
    tables: Path,
    owners: Mapping[str | None, Sequence[Path]],
    unread: Sequence[Reject],
    drafts: Path,
) -> Outcome:
    """Make the partitions of some tags those of their drafts; give what the tables then hold.

    `owners` gives for each tag the drafts that hold a part of it; `unread` is what could not be
    read while pages were found.
    """
    if unread:
        tables_of_unread = Tables(SPEC_STACKS.empty, PAGES.empty, rejects_to_frame(unread))
        draft = write_draft(tables_of_unread, drafts / "unread")[None]
        owners = {**owners, None: [*owners[None], draft]}
    publish_tags(tables, owners, drafts / "merged")
    publish_targets(tables, drafts / "merged")
    return count_tables(tables)


def publish_tags(
    folder: Path,
    owners: Mapping[str | None, Sequence[Path]],
    merged: Path,
) -> None:
    """Make the partitions of some tags those of their drafts; a tag without a draft is gone."""
    for tag, drafts in owners.items():
        if drafts:
            draft = drafts[0] if len(drafts) == 1 else merge_drafts(tag, drafts, merged)
            for table in PAGE_TABLES:
                publish_part(draft, folder, table, tag)
        else:
            remove_tag(folder, tag)
    stored = stored_tags(folder, PAGES)
    if None in stored and read_part(folder, REJECTS, None).is_empty():
        remove_tag(folder, None)
    remove_tag(folder, NO_SNAPSHOT)
    if stored <= {None}:
        for table in PAGE_TABLES:
            write_draft_part(table.empty, merged, table)
            publish_part(merged, folder, table, NO_SNAPSHOT)


def merge_drafts(tag: str | None, drafts: Sequence[Path], merged: Path) -> Path:
    """Put the parts of one tag together."""
    parts = [
        Tables(*(read_draft_part(draft, table, tag) for table in PAGE_TABLES)) for draft in drafts
    ]
    return write_draft(combine_tables(parts), merged)[tag]


def remove_tag(folder: Path, tag: str | None) -> None:
    """Remove a tag's partitions."""
    for table in PAGE_TABLES:
        remove_part(folder, table, tag)


def publish_targets(folder: Path, draft: Path) -> None:
    """Write table targets for the targets that all partitions now have."""
    # Rid of repeats while they are read, since memory must not grow with the history.
    names = read_table(folder, SPEC_STACKS, pl.col("target").unique())
    write_draft_part(target_rows(names["target"]), draft, TARGETS)
    publish_part(draft, folder, TARGETS)


def count_tables(folder: Path) -> Outcome:
    """Count what the tables hold."""
    pages = read_table(folder, PAGES, "tag", "spec_count")
    codes = read_table(folder, REJECTS, "code")["code"].value_counts(sort=True)
    return Outcome(
        page_count=len(pages),
        tag_count=pages["tag"].n_unique(),
        spec_count=int(pages["spec_count"].sum()),
        rejected=dict(codes.iter_rows()),
    )
