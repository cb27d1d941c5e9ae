"""Views read whole, several at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import duckdb

Frames = dict[str, pl.DataFrame]
# One query keeps no more than a processor or two busy all the time.
READERS = 3


def read_views(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> Frames:
    """Read all rows of each view, in order; give them by its name."""
    names = list(dict.fromkeys(names))
    with ThreadPoolExecutor(READERS) as pool:
        frames = pool.map(partial(read_view, connection), names)
        return dict(zip(names, frames, strict=True))


def read_view(connection: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """Read all rows of a view, in order; safe to be called from several threads."""
    with connection.cursor() as cursor:
        frame: pl.DataFrame = cursor.sql(f"from {name} order by all").pl()
    return frame
