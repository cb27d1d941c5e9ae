"""Bring the tables up to date with the pages.

The pages of one folder of the site are one snapshot, and are read together. Should several
folders hold pages of one tag, what they gave is put together before it is published.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipeline.decode import decode_pages
from pipeline.errors import OutputError
from pipeline.flatten import Tables, combine_tables, flatten_pages, rejects_to_frame
from pipeline.pages import PageFile, find_pages, read_bytes
from pipeline.rejects import PageError, Reject
from pipeline.schemas import PAGES, REJECTS, SPEC_STACKS, TARGETS
from pipeline.tables import (
    TABLES_FOLDER,
    publish_part,
    read_part,
    read_table,
    remove_part,
    stored_tags,
    write_part,
)
from pipeline.targets import target_rows

PAGE_TABLES = (SPEC_STACKS, PAGES, REJECTS)
# Bytes of pages decoded at once: enough to keep the readers busy, little enough for a laptop.
BATCH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What the tables now hold, and what was refused, by code."""

    found_page_count: int
    page_count: int
    tag_count: int
    spec_count: int
    rejected: dict[str, int]


def refresh_tables(sources: Sequence[Path], out: Path) -> Outcome:
    """Make the tables below `out` from the pages below `sources`.

    Raises
    ------
    SourceError
        There is no page to read; the tables that were there stay as they were.
    OutputError
        A table can't be written.
    """
    files, unread = find_pages(sources)
    drafts = out / f".{TABLES_FOLDER}.{os.getpid()}"
    try:
        owners: dict[str | None, list[Path]] = {}
        for number, tables in enumerate(read_groups(files, unread)):
            draft = drafts / str(number)
            for tag in write_draft(tables, draft):
                owners.setdefault(tag, []).append(draft)
        publish(owners, drafts / "merged", out / TABLES_FOLDER)
        return count_tables(out / TABLES_FOLDER, len(files))
    except OSError as error:
        raise OutputError(
            f"{error.filename or out}: can't be written: {error.strerror}; "
            "free some space, or name another folder with --out"
        ) from error
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def read_groups(files: Sequence[PageFile], unread: Sequence[Reject]) -> Iterator[Tables]:
    """Read pages, those of one snapshot's folder together."""
    yield Tables(SPEC_STACKS.empty(), PAGES.empty(), rejects_to_frame(unread))
    for group in group_pages(files):
        yield combine_tables([read_batch(batch) for batch in batch_pages(group)])


def group_pages(files: Sequence[PageFile]) -> list[list[PageFile]]:
    """Group pages by the folder that holds their packages' folders: `_cache/TAG`."""
    groups: dict[str, list[PageFile]] = {}
    for file in files:
        folder = os.path.dirname(os.path.dirname(file.path))
        groups.setdefault(folder, []).append(file)
    return list(groups.values())


def batch_pages(files: Sequence[PageFile]) -> Iterator[list[tuple[str, bytes | PageError]]]:
    """Read pages' bytes, or why they can't be read, so many at once as memory should hold."""
    batch: list[tuple[str, bytes | PageError]] = []
    byte_count = 0
    for file in files:
        try:
            data = read_bytes(file)
        except PageError as error:
            batch.append((file.page, error))
            continue
        batch.append((file.page, data))
        byte_count += len(data)
        if byte_count >= BATCH_BYTES:
            yield batch
            batch, byte_count = [], 0
    yield batch


def read_batch(batch: Sequence[tuple[str, bytes | PageError]]) -> Tables:
    """Give the tables of some pages."""
    decoded = decode_pages([(page, data) for page, data in batch if isinstance(data, bytes)])
    decoded.rejects.extend(
        error.reject(page) for page, error in batch if isinstance(error, PageError)
    )
    return flatten_pages(decoded)


def write_draft(tables: Tables, draft: Path) -> list[str | None]:
    """Write a folder's tables below `draft`, a partition for each tag found; give those tags."""
    frames = {SPEC_STACKS: tables.spec_stacks, PAGES: tables.pages, REJECTS: tables.rejects}
    tags = pl.concat(frame["tag"] for frame in frames.values()).unique().to_list()
    for tag in tags:
        is_of_tag = pl.col("tag").eq_missing(pl.lit(tag, pl.String))
        for table, frame in frames.items():
            write_part(frame.filter(is_of_tag), draft, table, tag)
    return tags


def publish(owners: dict[str | None, list[Path]], merged: Path, folder: Path) -> None:
    """Make the partitions below `folder` those of the drafts, and no others.

    `owners` gives for each tag the drafts that hold a part of it.
    """
    if not set(owners) - {None}:
        # A table is read by its files: where there is no snapshot, an empty one stands for none.
        owners = {None: [merged / "empty", *owners.get(None, [])]}
        for table in PAGE_TABLES:
            write_part(table.empty(), merged / "empty", table)
    for tag, drafts in owners.items():
        draft = drafts[0]
        if len(drafts) > 1:
            draft = merged
            parts = [
                Tables(*(read_part(part, table, tag) for table in PAGE_TABLES)) for part in drafts
            ]
            write_draft(combine_tables(parts), merged)
        for table in PAGE_TABLES:
            publish_part(draft, folder, table, tag)
    for table in PAGE_TABLES:
        for tag in stored_tags(folder, table) - set(owners):
            remove_part(folder, table, tag)
    write_part(
        target_rows(read_table(folder, SPEC_STACKS, "target")["target"].unique()), merged, TARGETS
    )
    publish_part(merged, folder, TARGETS)


def count_tables(folder: Path, found_page_count: int) -> Outcome:
    """Count what the tables hold."""
    pages = read_table(folder, PAGES, "spec_count")
    codes = read_table(folder, REJECTS, "code")["code"].value_counts(sort=True)
    return Outcome(
        found_page_count=found_page_count,
        page_count=len(pages),
        tag_count=len(stored_tags(folder, PAGES) - {None}),
        spec_count=int(pages["spec_count"].sum()),
        rejected=dict(codes.iter_rows()),
    )
