"""Report what the tables lose when a page or index can no longer be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.errors import SchemaError
from pipeline.schemas import REJECTS, SPEC_STACKS
from pipeline.sources.rejects import RejectCode
from pipeline.tables.parquet import part_path, read_draft, read_part
from pipeline.text import counted

Losses = dict[str, int]  # numbers of specs, by page or index
SPEC = ("package", "hash", "stack")
SHOWN_FILES = 5
SHOWN_LETTERS = 300


def count_losses(folder: Path, draft: Path, tag: str) -> Losses:
    """Count the specs in a tag's partitions that are missing from the draft to replace them.

    Only pages, or stacks of indexes, that the draft rejects as a whole are counted.
    """
    if not part_path(folder, SPEC_STACKS, tag).exists():
        return {}
    rejects = read_draft(draft, REJECTS, tag)
    whole = rejects.filter(pl.col("item").is_null())
    if whole.is_empty():
        return {}
    try:
        old = read_part(folder, SPEC_STACKS, tag)
    except SchemaError:
        return {}  # of another version
    new = read_draft(draft, SPEC_STACKS, tag)
    gone = old.join(new, on=SPEC, how="anti", nulls_equal=True)
    losses = {}
    for page, stack in whole.select("page", "stack").iter_rows():
        is_of = pl.col("page") == page if stack is None else pl.col("stack") == stack
        losses[page] = gone.filter(is_of).select(pl.struct("package", "hash").n_unique()).item()
    return {page: count for page, count in losses.items() if count}


def describe_refused(rejects: pl.DataFrame, losses: Mapping[str, int]) -> list[str]:
    """Describe the first pages and indexes that are rejected as a whole, one per line."""
    lines = []
    whole = rejected_files(rejects)
    for row in whole.head(SHOWN_FILES).to_dicts():
        names = [f"{name} {row[name]}" for name in ("tag", "stack") if row[name] is not None]
        place = f" ({', '.join(names)})" if names else ""
        line = f"{row['page']}{place}: {row['message'][:SHOWN_LETTERS]}"
        if row["page"] in losses:
            specs = counted(losses[row["page"]], "spec")
            line += f"; {specs} from its last successful read are lost"
        lines.append(line)
    more_count = len(whole) - len(lines)
    return [*lines, *([f"and {counted(more_count, 'more file')}"] if more_count else [])]


def rejected_files(rejects: pl.DataFrame) -> pl.DataFrame:
    """Return the rejects of whole pages or indexes, except duplicates, sorted."""
    is_whole = pl.col("item").is_null() & (pl.col("code") != RejectCode.DUPLICATE_PAGE)
    return rejects.filter(is_whole).sort("tag", "page", nulls_last=True)
