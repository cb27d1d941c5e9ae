"""One snapshot's folder to its partitions: a pure function, run wherever there is a worker.

The pages of one folder of the site are one snapshot, and are read together. What they give is
written as a draft, a partition for each tag that they name, to be published by `refresh`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pipeline.decode import decode_pages
from pipeline.flatten import Tables, combine_tables, flatten_pages, frames_of
from pipeline.pages import PageFile, read_bytes
from pipeline.rejects import PageError
from pipeline.schemas import DEPENDENCIES, PAGES, REJECTS, SPEC_COMPILERS, SPEC_STACKS
from pipeline.tables import write_part

# In the order of the fields of Tables.
PAGE_TABLES = (SPEC_STACKS, PAGES, REJECTS, DEPENDENCIES, SPEC_COMPILERS)
# Bytes of pages decoded at once: enough to keep the readers busy, little enough for a laptop.
BATCH_BYTES = 32 * 1024 * 1024


def draft_group(
    files: Sequence[PageFile], draft: Path, only: frozenset[str] = frozenset()
) -> list[str | None]:
    """Read one folder's pages and indexes and write their tables below `draft`; give their tags.

    With `only` no other tag is written, though it is given.
    """
    pages = [file for file in files if file.mirror is None]
    indexes = [file for file in files if file.mirror is not None]
    parts = [read_batch(batch) for batch in batch_pages(pages)]
    if indexes:
        from pipeline.decode_indexes import decode_indexes

        parts.append(flatten_pages(decode_indexes(indexes)))
    return write_draft(combine_tables(parts), draft, only)


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


def write_draft(
    tables: Tables, draft: Path, only: frozenset[str] = frozenset()
) -> list[str | None]:
    """Write tables below `draft`, a partition for each tag found or of `only`; give those found."""
    frames = dict(zip(PAGE_TABLES, frames_of(tables), strict=True))
    tags = pl.concat(frame["tag"] for frame in frames.values()).unique().to_list()
    for tag in set(tags) & only if only else tags:
        is_of_tag = pl.col("tag").eq_missing(pl.lit(tag, pl.String))
        for table, frame in frames.items():
            of_tag = frame if len(tags) == 1 else frame.filter(is_of_tag)
            write_part(of_tag, draft, table, tag)
    return tags
