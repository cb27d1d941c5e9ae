"""The Python API of the pipeline, which the command line uses too.

>>> from pipeline.api import build, flatten, open_database, tables

Errors are subclasses of `pipeline.errors.CoverageError`. Imports are local to the functions, so
that each loads only what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import duckdb
    import polars as pl

    from pipeline.progress import Progress
    from pipeline.tables.state import TablesSummary

OUT = Path("outputs")

PathName = str | PathLike[str]


def flatten(
    *sources: PathName,
    out: PathName = OUT,
    tags: Sequence[str] = (),
    stack: str | None = None,
    lock_name: str | None = None,
    replace: bool = False,
    follow_links: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> TablesSummary:
    """Read pages, build-cache indexes, lock and environment files into the tables below `out`.

    Parameters are as in `cache-coverage flatten`, `lock_name` as in `--name`; `executor` is
    any `concurrent.futures` executor whose workers see the same files. Returns a summary of
    the tables.

    Raises
    ------
    SourceError
        A source is missing, or nothing in the sources was accepted; the tables are unchanged.
    OutputError
        A table can't be written.
    """
    from pipeline.tables.refresh import refresh_tables

    return refresh_tables(
        [Path(source) for source in sources],
        Path(out),
        only=tags,
        stack=stack,
        name=lock_name,
        follow_links=follow_links,
        is_replacing=replace,
        executor=executor,
        progress=progress,
    )


def build(
    out: PathName = OUT, *, check_all: bool = False, waits: Callable[[], None] = lambda: None
) -> bool:
    """Build `out`/coverage.duckdb from the tables; return False if it was already current.

    With `check_all`, it is always built, and the views of every snapshot are checked. `waits` is
    called once before waiting for another run that builds or publishes.

    Raises
    ------
    OutputError
        The tables are missing or damaged, or the database can't be written.
    CheckError
        The new database contradicts itself; the old one stays.
    """
    from pipeline.warehouse.build import build_warehouse

    return build_warehouse(Path(out), every_snapshot=check_all, waits=waits)


def open_database(out: PathName = OUT) -> duckdb.DuckDBPyConnection:
    """Return a read-only connection to `out`/coverage.duckdb, without access to other files.

    Raises
    ------
    OutputError
        There is no database, or DuckDB can't read it.
    """
    from pipeline.warehouse.database import open_warehouse

    return open_warehouse(Path(out))


def tables(out: PathName = OUT) -> dict[str, pl.LazyFrame]:
    """Return the Parquet tables below `out` by name, with the columns and types of DICTIONARY.md.

    Tags are strings, whatever they look like; a reject without a snapshot has a null tag.

    Raises
    ------
    OutputError
        A table is missing.
    """
    from pipeline.outputs import TABLES_FOLDER
    from pipeline.schemas import TABLES
    from pipeline.tables.parquet import check_tables, scan_table

    folder = Path(out) / TABLES_FOLDER
    check_tables(folder)
    return {table.name: scan_table(folder, table) for table in TABLES}
