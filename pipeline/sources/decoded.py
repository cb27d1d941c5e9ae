"""The output of every kind of source: specs and pages as frames, not yet checked or flattened.

A new kind of source needs only a reader that returns `Decoded`; all later stages are shared.
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

# Columns of a spec that only an index has; from pages they are null.
INDEX_COLUMNS: dict[str, pl.DataType] = {
    "flags": pl.List(pl.String()),
    "namespace": pl.String(),
    "package_hash": pl.String(),
    "build_spec": pl.String(),
    "provided_virtuals": pl.List(pl.String()),
}
DECODED_SPECS = pl.Schema(
    {
        "page_number": pl.Int64(),
        "item": pl.Int64(),
        "line": pl.Int64(),
        **dict.fromkeys(TEXTS, pl.String()),
        **dict.fromkeys(LISTS, pl.List(pl.String())),
        "size_bytes": pl.Int64(),
        "tarball": pl.String(),
        **INDEX_COLUMNS,
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
# Facts by tag and hash that only an index has.
DECODED_DEPENDENCIES = pl.Schema(
    {
        "tag": pl.String(),
        "hash": pl.String(),
        "dependency_hash": pl.String(),
        "dependency_name": pl.String(),
        "dependency_version": pl.String(),
        "deptypes": pl.List(pl.String()),
        "virtuals": pl.List(pl.String()),
        "is_external": pl.Boolean(),
        "external_path": pl.String(),
    }
)
DECODED_COMPILERS = pl.Schema(
    {"tag": pl.String(), "hash": pl.String(), "language": pl.String(), "compiler": pl.String()}
)
# Sizes of binaries by stack; for a mirror without a stack, the stack is null.
DECODED_SIZES = pl.Schema(
    {"tag": pl.String(), "hash": pl.String(), "stack": pl.String(), "size_bytes": pl.Int64()}
)

NO_DEPENDENCIES = DECODED_DEPENDENCIES.to_frame()
NO_COMPILERS = DECODED_COMPILERS.to_frame()
NO_SIZES = DECODED_SIZES.to_frame()


@dataclass(frozen=True)
class Decoded:
    """Some pages with their specs, of which only keys and types are checked.

    The frames have the columns of DECODED_SPECS and the like; page_number is the row number in
    `pages` of a spec's page.
    """

    specs: pl.DataFrame
    pages: pl.DataFrame
    rejects: list[Reject]
    dependencies: pl.DataFrame = field(default_factory=lambda: NO_DEPENDENCIES)
    compilers: pl.DataFrame = field(default_factory=lambda: NO_COMPILERS)
    sizes: pl.DataFrame = field(default_factory=lambda: NO_SIZES)


@cache
def arrow_form(columns: tuple[tuple[str, pl.DataType], ...]) -> pa.Schema:
    """Return the Arrow schema of a frame with these columns."""
    return pl.DataFrame(schema=dict(columns)).to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def columns_to_frame(
    columns: Mapping[str, Sequence[Any] | pa.Array], schema: pl.Schema
) -> pl.DataFrame:
    """Return lists of values as a frame of `schema`; columns that are not given are null.

    Arrow builds columns from Python lists several times faster than Polars.
    """
    arrow = arrow_form(tuple(schema.items()))
    row_count = len(next(iter(columns.values())))
    arrays = []
    for column in arrow:
        values = columns.get(column.name)
        if values is None:
            values = pa.nulls(row_count, column.type)
        elif not isinstance(values, pa.Array):
            values = pa.array(values, column.type)
        arrays.append(values)
    return pl.DataFrame(pa.table(arrays, schema=arrow))
