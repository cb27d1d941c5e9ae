"""Read views into frames, by snapshot and from several threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.errors import OutputError
from pipeline.schemas import DATABASE_TABLES
from pipeline.warehouse.database import CATALOG, quote

if TYPE_CHECKING:
    import duckdb

Frames = dict[str, pl.DataFrame]


def check_columns(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Check that the database's tables have the columns of this version.

    Raises
    ------
    OutputError
        Another version of the pipeline made it.
    """
    columns = connection.execute(
        "select table_name, list(column_name order by column_index) from duckdb_columns() "
        f"where database_name = '{CATALOG}' and not internal group by all"
    ).fetchall()
    found = dict(columns)
    for table in DATABASE_TABLES:
        if found.get(table.name) != [column.name for column in table.columns]:
            raise OutputError(
                f"{database}: was built by another version: table {table.name} has other columns; "
                f"run 'cache-coverage build --out {database.parent}'"
            )


def read_query(
    connection: duckdb.DuckDBPyConnection, query: str, tags: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return the ordered rows of a query, enums as text; may be called from several threads."""
    listed = ", ".join(map(quote, tags or []))
    where = f"where tag in ({listed})" if tags else ""
    with connection.cursor() as cursor:
        frame: pl.DataFrame = cursor.sql(f"select * from ({query}) {where} order by all").pl()
    return frame.cast({pl.Categorical: pl.String, pl.List(pl.Categorical): pl.List(pl.String)})


def split_by_tag(frame: pl.DataFrame, tags: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Return each snapshot's rows of a frame; an empty frame if there are none."""
    parts = frame.partition_by("tag", as_dict=True, maintain_order=True)
    return {tag: parts.get((tag,), frame.clear()) for tag in tags}
