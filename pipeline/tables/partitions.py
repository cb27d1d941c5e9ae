"""Read one group of files and write its partitions: what a worker does.

The files of one folder are nearly always one snapshot, and are read together. The rows of each tag
that they name become a draft, which `publish` moves into place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pipeline.schemas import REJECTS
from pipeline.sources.files import PageFile, read_bytes
from pipeline.sources.rejects import PageError, RejectCode
from pipeline.sources.site.decode import decode_pages
from pipeline.tables.flatten import Tables, combine_tables, flatten_pages
from pipeline.tables.parquet import write_draft

Drafts = dict[str | None, Path]  # by tag
# Pages decoded at once: enough to amortise each call to Arrow and Polars, and a bound on memory.
BATCH_BYTES = 32 * 1024 * 1024


def draft_group(
    files: Sequence[PageFile], draft: Path, only: frozenset[str] = frozenset()
) -> tuple[Drafts, bool]:
    """Read a group of pages and indexes and write a draft for each tag, as `write_drafts` does.

    Returns the drafts, and whether every file could be read.
    """
    pages = [file for file in files if file.mirror is None]
    indexes = [file for file in files if file.mirror is not None]
    parts = [flatten_batch(batch) for batch in read_batches(pages)]
    if indexes:
        from pipeline.sources.mirror.decode import decode_indexes

        parts.append(flatten_pages(decode_indexes(indexes)))
    tables = combine_tables(parts)
    is_whole = RejectCode.UNREADABLE not in tables[REJECTS]["code"]
    return write_drafts(tables, draft, only), is_whole


def read_batches(files: Sequence[PageFile]) -> Iterator[list[tuple[str, bytes | PageError]]]:
    """Yield batches of pages: each page's path with its bytes, or why it can't be read."""
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


def flatten_batch(batch: Sequence[tuple[str, bytes | PageError]]) -> Tables:
    """Return the tables of a batch of pages."""
    decoded = decode_pages([(page, data) for page, data in batch if isinstance(data, bytes)])
    decoded.rejects.extend(
        error.reject(page) for page, error in batch if isinstance(error, PageError)
    )
    return flatten_pages(decoded)


def write_drafts(tables: Tables, draft: Path, only: frozenset[str] = frozenset()) -> Drafts:
    """Write a draft for each tag in `tables`, its name `draft` with a number; return them by tag.

    With `only`, drafts of other tags are returned but not written.
    """
    tags = pl.concat(frame["tag"] for frame in tables.values()).unique().to_list()
    drafts = {tag: draft.with_name(f"{draft.name}.{number}") for number, tag in enumerate(tags)}
    for tag in set(tags) & only if only else tags:
        is_of_tag = pl.col("tag").eq_missing(pl.lit(tag, pl.String))
        for table, frame in tables.items():
            of_tag = frame if len(tags) == 1 else frame.filter(is_of_tag)
            write_draft(of_tag, drafts[tag], table)
    return drafts
