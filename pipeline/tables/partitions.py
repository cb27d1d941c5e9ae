"""One snapshot's folder to its partitions: a pure function, run wherever there is a worker.

The pages of one folder of the site are one snapshot, and are read together. What they give is
written as a draft for each tag that they name, to be published by `refresh`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pipeline.schemas import DEPENDENCIES, PAGES, REJECTS, SPEC_COMPILERS, SPEC_STACKS
from pipeline.sources.files import PageFile, read_bytes
from pipeline.sources.rejects import PageError, RejectCode
from pipeline.sources.site.decode import decode_pages
from pipeline.tables.flatten import Tables, combine_tables, flatten_pages, frames_of
from pipeline.tables.parquet import write_draft_part

# In the order of the fields of Tables.
PAGE_TABLES = (SPEC_STACKS, PAGES, REJECTS, DEPENDENCIES, SPEC_COMPILERS)
Drafts = dict[str | None, Path]  # by tag
# Bytes of pages decoded at once: enough to keep the readers busy, little enough for a laptop.
BATCH_BYTES = 32 * 1024 * 1024


def draft_group(
    files: Sequence[PageFile], draft: Path, only: frozenset[str] = frozenset()
) -> tuple[Drafts, bool]:
    """Read one folder's pages and indexes and write the drafts of their tags as `write_draft`.

    Gives the drafts, and whether the system let all of them be read.
    """
    pages = [file for file in files if file.mirror is None]
    indexes = [file for file in files if file.mirror is not None]
    parts = [read_batch(batch) for batch in batch_pages(pages)]
    if indexes:
        from pipeline.sources.mirror.decode import decode_indexes

        parts.append(flatten_pages(decode_indexes(indexes)))
    tables = combine_tables(parts)
    is_whole = RejectCode.UNREADABLE not in tables.rejects["code"]
    return write_draft(tables, draft, only), is_whole


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


def write_draft(tables: Tables, draft: Path, only: frozenset[str] = frozenset()) -> Drafts:
    """Write a draft for each tag found, its name beginning with that of `draft`; give them by tag.

    With `only` no other tag is written, though it is given.
    """
    frames = dict(zip(PAGE_TABLES, frames_of(tables), strict=True))
    tags = pl.concat(frame["tag"] for frame in frames.values()).unique().to_list()
    drafts = {tag: draft.with_name(f"{draft.name}.{number}") for number, tag in enumerate(tags)}
    for tag in set(tags) & only if only else tags:
        is_of_tag = pl.col("tag").eq_missing(pl.lit(tag, pl.String))
        for table, frame in frames.items():
            of_tag = frame if len(tags) == 1 else frame.filter(is_of_tag)
            write_draft_part(of_tag, drafts[tag], table)
    return drafts
