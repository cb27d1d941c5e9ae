"""Read one group of files and write drafts of its partitions: the work of a worker process.

The files of one folder are nearly always one snapshot, and are read together. The rows of each tag
become a draft, which `publish` moves into place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.names import IS_NAME
from pipeline.schemas import PAGES, REJECTS
from pipeline.sources.discovery import tag_by_path
from pipeline.sources.files import PageFile, read_bytes
from pipeline.sources.rejects import PageError, Reject, RejectCode
from pipeline.sources.site.decode import decode_pages
from pipeline.tables.flatten import Tables, combine_tables, flatten_pages
from pipeline.tables.parquet import write_part_draft

Drafts = dict[str, Path]  # by tag
# Pages decoded at once: enough to amortise calls to Arrow and Polars, while limiting memory.
BATCH_BYTES = 32 * 1024 * 1024


class GroupDraft(NamedTuple):
    """The result of one group: drafts, rejects without a tag, and number of accepted pages."""

    drafts: Drafts
    untagged: list[Reject]
    page_count: int
    is_whole: bool  # whether every file could be read
    fault: str | None  # why its first file was not accepted


def draft_group(
    files: Sequence[PageFile], draft: Path, only: frozenset[str] = frozenset()
) -> GroupDraft:
    """Read a group of pages and indexes, and write a draft for each tag as in `write_drafts`."""
    pages = [file for file in files if file.mirror is None]
    indexes = [file for file in files if file.mirror is not None]
    parts = [flatten_batch(batch) for batch in read_batches(pages)]
    if indexes:
        from pipeline.sources.mirror.decode import decode_indexes

        parts.append(flatten_pages(decode_indexes(indexes)))
    tables = add_path_names(combine_tables(parts), pages)
    rejects = tables[REJECTS]
    is_whole = RejectCode.UNREADABLE not in rejects["code"]
    first = rejects.head(1).to_dicts()
    return GroupDraft(
        write_drafts(tables, draft, only),
        [Reject(**row) for row in rejects.filter(pl.col("tag").is_null()).to_dicts()],
        len(tables[PAGES]),
        is_whole,
        f"{first[0]['page']}: {first[0]['message']}" if first else None,
    )


def add_path_names(tables: Tables, pages: Sequence[PageFile]) -> Tables:
    """Set the tag and package of rejects without one to those in the page's path.

    On the site that is TAG/PACKAGE/specs.md: TAG has the form of a snapshot or is the tag of
    another page.
    """
    rejects = tables[REJECTS]
    if not (rejects["tag"].has_nulls() or rejects["package"].has_nulls()):
        return tables
    known = set(tables[PAGES]["tag"])
    tags = {page.page: tag for page in pages if (tag := tag_by_path(page, known))}
    folders = {page.page: Path(os.fsdecode(page.path)).parent.name for page in pages}
    packages = {page: folders[page] for page in tags if IS_NAME.fullmatch(folders[page])}

    def by_path(names: dict[str, str]) -> pl.Expr:
        return pl.col("page").replace_strict(names, default=None, return_dtype=pl.String)

    rejects = rejects.with_columns(
        pl.col("tag").fill_null(by_path(tags)), pl.col("package").fill_null(by_path(packages))
    )
    return tables | {REJECTS: rejects}


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
    """Write a draft for each tag in `tables`, named `draft` with a number; return them by tag.

    With `only`, drafts of other tags are returned but not written. Rows without a tag (only rejects
    have them) are left out.
    """
    tags = pl.concat(frame["tag"] for frame in tables.values()).unique().to_list()
    drafts = {
        tag: draft.with_name(f"{draft.name}.{number}")
        for number, tag in enumerate(tags)
        if tag is not None
    }
    for tag in set(drafts) & only if only else drafts:
        for table, frame in tables.items():
            of_tag = frame if len(tags) == 1 else frame.filter(pl.col("tag") == tag)
            write_part_draft(of_tag, drafts[tag], table)
    return drafts
