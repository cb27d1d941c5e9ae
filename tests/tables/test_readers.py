"""The Parquet tables in readers' default settings: tags are strings, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset
import pyarrow.parquet
import pytest

from pipeline.api import tables
from pipeline.schemas import SNAPSHOT_TABLES, Table
from pipeline.tables.refresh import refresh_tables
from tests.writing import make_spec, site_page, write_pages

PEERS = Path(__file__).parents[2] / ".venv" / "peers"  # has pandas, installed by `make bench`
Rows = list[tuple[str, str]]

LOOKS = {
    "months": ("24.1", "24.10"),
    "leading zeros": ("0012", "12"),
    "digits": ("202611", "202612"),
    "dates": ("2026-11-01", "2026-11-02"),
    "dates and times": ("2026-11-01", "2026-11"),
    "truths": ("false", "true"),
    "exponents": ("1e5", "1e50"),
    "no number": ("inf", "nan"),
    "hexadecimal": ("0x10", "0x11"),
    "a date and a word": ("2026-11-01", "develop"),
    "a number and a word": ("24.10", "v1.0.0"),
    "one": ("1",),
}


def ask_duckdb(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


READERS: dict[str, Callable[[Path], Rows]] = {
    "polars": lambda folder: pl.read_parquet(folder).select("tag", "package").rows(),
    "polars, lazy and hive": lambda folder: (
        pl.scan_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
        .select("tag", "package")
        .collect()
        .rows()
    ),
    "duckdb": lambda folder: ask_duckdb(
        f"select tag, package from read_parquet('{folder}/**/*.parquet')"
    ),
    "duckdb, hive": lambda folder: ask_duckdb(
        f"select tag, package from read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
    ),
    "pyarrow": lambda folder: [
        (row["tag"], row["package"]) for row in pyarrow.parquet.read_table(folder).to_pylist()
    ],
    "pyarrow, dataset": lambda folder: [
        (row["tag"], row["package"])
        for row in pyarrow.dataset.dataset(folder, partitioning="hive").to_table().to_pylist()
    ],
    "ours": lambda folder: (
        tables(folder.parents[1])[folder.name].select("tag", "package").collect().rows()
    ),
}


def flatten_tags(folder: Path, tags: tuple[str, ...]) -> Path:
    """Flatten a page of each tag; return OUT."""
    pages = {f"t{tag}/zlib/specs.md": site_page("zlib", f'"{tag}"') for tag in tags}
    refresh_tables([write_pages(folder / "in", dict(pages))], folder / "out")
    return folder / "out"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("look", LOOKS)
def test_tags_are_strings_to_each_reader(tmp_path: Path, look: str, reader: str) -> None:
    """By default, without a schema or option, whatever tags look like."""
    out = flatten_tags(tmp_path, LOOKS[look])

    rows = READERS[reader](out / "tables" / "pages")

    assert sorted(rows) == [(tag, "zlib") for tag in sorted(LOOKS[look])]


@pytest.mark.parametrize("table", SNAPSHOT_TABLES, ids=lambda table: table.name)
def test_tags_of_tables_without_rows_are_strings(tmp_path: Path, table: Table) -> None:
    """Tables can be joined by tag even if one of them is empty."""
    out = flatten_tags(tmp_path, LOOKS["digits"])
    folder = out / "tables" / table.name

    assert pl.scan_parquet(folder).collect_schema()["tag"] == pl.String
    dataset = pyarrow.dataset.dataset(folder, partitioning="hive")
    assert dataset.schema.field("tag").type == "string"
    (row,) = ask_duckdb(f"select typeof(any_value(tag)) from read_parquet('{folder}/**/*.parquet')")
    assert row == ("VARCHAR",)


def test_our_own_frames_have_the_declared_types(tmp_path: Path) -> None:
    """`tables` has all columns in order; a reject without a snapshot has a null tag."""
    out = flatten_tags(tmp_path, ("12",))
    write_pages(tmp_path / "in", {"bad.md": "no page"})
    refresh_tables([tmp_path / "in"], out)

    frames = tables(out)

    for table in SNAPSHOT_TABLES:
        assert frames[table.name].collect_schema() == table.schema
    assert frames["rejects"].select("page", "tag").collect().rows() == [("bad.md", None)]
    assert frames["pages"].filter(pl.col("tag") == "12").collect().height == 1


def test_pandas_reads_rejects_without_a_snapshot(tmp_path: Path) -> None:
    """Rejects with and without a tag are all read, as strings.

    pandas has Arrow unify the dictionaries of a partition column, which fails for the null of Hive;
    where there is no pandas, that is done alone.
    """
    bad = site_page("adiak", "v1.0.0", [make_spec(1, os="")])
    source = write_pages(tmp_path / "in", {"a/b/c.md": bad, "bad.md": "x", "z.md": site_page()})
    refresh_tables([source], tmp_path / "out")
    folder = tmp_path / "out" / "tables" / "rejects"

    unified = pyarrow.parquet.read_table(folder).unify_dictionaries()

    expected = [("a/b/c.md", "v1.0.0"), ("bad.md", "-")]
    assert sorted((r["page"], r["tag"]) for r in unified.to_pylist()) == expected
    if not (PEERS / "pandas").is_dir():
        return
    script = (
        "import json, sys, pandas\n"
        "frame = pandas.read_parquet(sys.argv[1])\n"
        "print(json.dumps(sorted(frame[['page', 'tag']].astype(str).values.tolist())))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env={"PYTHONPATH": str(PEERS)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [tuple(row) for row in json.loads(result.stdout)] == expected
