"""What every kind of source yields: specs and pages as frames, not yet checked or flattened.

A new kind of source needs a reader that returns `Decoded`; everything after it is shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl
import pyarrow as pa

from pipeline.sources.rejects import Reject

LISTS = ("versions", "variants", "stacks")
TEXTS = ("hash", "compiler", "os", "platform", "target")
DECLARED_LISTS = ("compilers", "oss", "platforms", "stacks", "targets", "versions")

DECODED_SPECS = pl.Schema(
    {
        "page_number": pl.Int64(),
        "item": pl.Int64(),
        "line": pl.Int64(),
        **dict.fromkeys(TEXTS, pl.String()),
        **dict.fromkeys(LISTS, pl.List(pl.String())),
        "size_bytes": pl.Int64(),
        "tarball": pl.String(),
    }
)
DECODED_PAGES = pl.Schema(
    {
        "page_number": pl.Int64(),
        "page": pl.String(),
        "tag": pl.String(),
        "package": pl.String(),
        "entry_count": pl.Int64(),
        "byte_count": pl.Int64(),
        "num_specs": pl.Int64(),
        "num_specs_by_stack": pl.List(pl.Struct({"stack": pl.String(), "spec_count": pl.Int64()})),
        **dict.fromkeys(DECLARED_LISTS, pl.List(pl.String())),
    }
)
# What only an index of a build cache tells, by tag and hash, and a page does not.
DECODED_DEPENDENCIES = pl.Schema(
    {
        "tag": pl.String(),
        "hash": pl.String(),
        "dependency_hash": pl.String(),
        "dependency_name": pl.String(),
        "deptypes": pl.List(pl.String()),
        "virtuals": pl.List(pl.String()),
        "is_external": pl.Boolean(),
    }
)
DECODED_COMPILERS = pl.Schema(
    {"tag": pl.String(), "hash": pl.String(), "language": pl.String(), "compiler": pl.String()}
)

NO_DEPENDENCIES = DECODED_DEPENDENCIES.to_frame()
NO_COMPILERS = DECODED_COMPILERS.to_frame()


@dataclass(frozen=True)
class Decoded:
    """Some pages with their specs, not yet checked for more than keys and types.

    The frames have the columns of DECODED_SPECS and its fellows; page_number is that of the row of
    `pages` that a spec stands on.
    """

    specs: pl.DataFrame
    pages: pl.DataFrame
    rejects: list[Reject]
    dependencies: pl.DataFrame = field(default_factory=lambda: NO_DEPENDENCIES)
    compilers: pl.DataFrame = field(default_factory=lambda: NO_COMPILERS)


@cache
def arrow_form(columns: tuple[tuple[str, pl.DataType], ...]) -> pa.Schema:
    """Give the Arrow schema of a frame with such columns."""
    return pl.DataFrame(schema=dict(columns)).to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def columns_to_frame(
    columns: Mapping[str, Sequence[Any] | pa.Array], schema: pl.Schema
) -> pl.DataFrame:
    """Give lists of values as a frame, by way of Arrow: of lists it makes columns much faster."""
    arrow = arrow_form(tuple(schema.items()))
    arrays = [
        values
        if isinstance(values := columns[column.name], pa.Array)
        else pa.array(values, column.type)
        for column in arrow
    ]
    return pl.DataFrame(pa.table(arrays, schema=arrow))
