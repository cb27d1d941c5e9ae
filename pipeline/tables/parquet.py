"""Read and write the Parquet files of tables.

A partition is one file. It is written to a draft and then renamed, so readers never see an
incomplete file.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

import polars as pl

from pipeline.errors import ANOTHER_PLACE, OutputError
from pipeline.outputs import NO_TAG, part_folder
from pipeline.schemas import REJECTS, TABLES, Table

PART = "part-0.parquet"
COMPRESSION_LEVEL = 1
DAMAGED = ("can't be read", "remove the folder of tables and flatten again")


@contextmanager
def telling(path: Path, problem: str, remedy: str) -> Iterator[None]:
    """Raise OutputError with the file's name if Polars or the system can't read or write it."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise OutputError(f"{path}: {problem}: {error}; {remedy}") from error


def table_glob(folder: Path, table: Table) -> str:
    """Return the glob pattern for a table's files below `folder`."""
    return f"{glob.escape(str(folder))}/{table.name}/{'*/' if table.partitioned else ''}{PART}"


def check_tables(folder: Path) -> None:
    """Check that each table has its folder below `folder`.

    Raises
    ------
    OutputError
        One of them has none.
    """
    for table in TABLES:
        if not (folder / table.name).is_dir():
            raise OutputError(
                f"{folder / table.name}: no such table; make it with "
                f"'cache-coverage flatten SOURCE --out {folder.parent}'"
            )


def part_path(folder: Path, table: Table, tag: str | None = None) -> Path:
    """Return the path of a table below `folder`, or of its partition for `tag`."""
    if not table.partitioned:
        return folder / table.name / PART
    return part_folder(folder / table.name, tag) / PART


def part_tag(part: str) -> str | None:
    """Return the tag of a partition by its path below the folder of tables, None if it has none.

    >>> part_tag("specs/tag=v1.0.0/part-0.parquet")
    'v1.0.0'
    """
    tag = Path(part).parts[1].removeprefix("tag=")
    return None if tag == NO_TAG else tag


def draft_file(draft: Path, table: Table) -> Path:
    """Return the path of a table in a draft, which has one snapshot's rows of all tables.

    A draft is a common prefix of file names, since creating a folder costs more than its files.
    """
    return draft.with_name(f"{draft.name}.{table.name}")


def write_part_draft(frame: pl.DataFrame, draft: Path, table: Table) -> None:
    """Write a table, or one partition of it, to a draft."""
    path = draft_file(draft, table)
    stored = frame.drop("tag") if table.partitioned else frame
    with telling(path, "can't be written", ANOTHER_PLACE):
        if stored.is_empty():
            path.write_bytes(empty_part(table))
        else:
            write_parquet(stored, path)


def write_parquet(frame: pl.DataFrame, file: Path | BytesIO) -> None:
    """Write a frame as one row group, without statistics, which only help to skip row groups."""
    frame.write_parquet(
        file, compression="zstd", compression_level=COMPRESSION_LEVEL, statistics=False
    )


@cache
def empty_part(table: Table) -> bytes:
    """Return the bytes of a table without rows, which most snapshots need for some tables."""
    file = BytesIO()
    write_parquet(table.empty.drop("tag") if table.partitioned else table.empty, file)
    return file.getvalue()


def read_part(folder: Path, table: Table, tag: str | None = None) -> pl.DataFrame:
    """Read a table below `folder`, or one partition of it."""
    return read_file(part_path(folder, table, tag), table, tag)


def read_draft(draft: Path, table: Table, tag: str | None) -> pl.DataFrame:
    """Read one partition of a table from a draft."""
    return read_file(draft_file(draft, table), table, tag)


def read_file(path: Path, table: Table, tag: str | None) -> pl.DataFrame:
    """Read a table's file, with the tag as a column."""
    with telling(path, *DAMAGED):
        frame = pl.read_parquet(path, glob=False, hive_partitioning=False)
    if table.partitioned:
        frame = frame.with_columns(pl.lit(tag, pl.String).alias("tag"))
    return table.conform(frame)


def read_table(folder: Path, table: Table, *columns: str | pl.Expr) -> pl.DataFrame:
    """Read columns, or expressions on them, of a whole table below `folder`."""
    with telling(folder / table.name, *DAMAGED):
        return scan_table(folder, table).select(columns).collect()


def scan_table(folder: Path, table: Table) -> pl.LazyFrame:
    """Scan a whole table below `folder`."""
    # By folder, not by pattern, so that `=` in a parent folder is not a partition. With a schema,
    # so that tags are always strings.
    scan = pl.scan_parquet(
        folder / table.name,
        glob=False,
        hive_partitioning=table.partitioned,
        hive_schema={"tag": pl.String()} if table.partitioned else None,
    )
    if table == REJECTS:  # the only table with rows without a snapshot
        scan = scan.with_columns(pl.col("tag").replace(NO_TAG, None))
    return scan.select(table.schema.names())


def part_paths(folder: Path, tags: Iterable[str]) -> list[str]:
    """Return the files of all tables for these tags."""
    return sorted({str(part_path(folder, table, tag)) for table in TABLES for tag in tags})


def publish_draft(draft: Path, folder: Path, table: Table, tag: str | None = None) -> None:
    """Rename a draft of a table or partition to its path below `folder`."""
    path = part_path(folder, table, tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft_file(draft, table).replace(path)


def remove_part(folder: Path, table: Table, tag: str | None) -> None:
    """Remove a table's partition for a tag, if it exists."""
    path = part_path(folder, table, tag)
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        path.parent.rmdir()
