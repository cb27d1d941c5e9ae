"""The ways to pass a query to `query`, and the outputs that it writes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline.warehouse.database import open_warehouse, run_query
from pipeline.warehouse.questions import known_tag
from pipeline.warehouse.views import SQL_FOLDER, View, load_views, without_definition
from tests.conftest import run_command

QUERY = """\
-- The snapshots, and how many specs each has.
select tag, snapshot_date, spec_count
from snapshots
order by tag;
"""
ROWS = [
    ("develop-2025-03-16", datetime.date(2025, 3, 16), 114),
    ("develop-2025-03-23", datetime.date(2025, 3, 23), 60),
    ("develop-2025-03-30", datetime.date(2025, 3, 30), 35),
]


def ask(sample: Path, *arguments: object, **options: object) -> list[dict[str, object]]:
    """Run `query`; return its rows."""
    result = run_command("query", *arguments, "--out", sample, "--format", "json", **options)
    assert result.returncode == 0, result.stderr
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


def test_a_query_may_begin_with_a_comment(sample: Path, tmp_path: Path) -> None:
    """As an argument, in a file and on standard input, with the same rows."""
    file = tmp_path / "q.sql"
    file.write_text(QUERY)

    given = ask(sample, QUERY)
    from_file = ask(sample, "--file", file)
    from_stdin = ask(sample, "-", input=QUERY)

    assert [row["tag"] for row in given] == [tag for tag, *_ in ROWS]
    assert from_file == given
    assert from_stdin == given


@pytest.mark.parametrize(
    "view", [view for view in load_views() if view.kind == "view"], ids=lambda view: view.name
)
def test_any_view_of_sql_can_be_pasted(view: View, sample: Path) -> None:
    """The file of a view is also a query for its rows."""
    text = without_definition(view.file.read_text())

    with open_warehouse(sample) as connection:
        pasted = run_query(connection, f"select count(*) from ({text.rstrip().rstrip(';')})")
        asked = run_query(connection, f"select count(*) from {view.path}")

    assert pasted.values == asked.values


def test_a_check_of_sql_can_be_pasted(sample: Path) -> None:
    """Its parameter is the newest weekly snapshot, or that of --tag."""
    file = SQL_FOLDER / "checks" / "gaps_fill_up.sql"

    newest = run_command("query", "--file", file, "--out", sample)
    named = run_command("query", "--file", file, "--tag", "develop-2025-03-16", "--out", sample)

    with open_warehouse(sample) as connection:
        assert f"$tag is {known_tag(connection, None)}" in newest.stderr
    assert "$tag is develop-2025-03-16" in named.stderr
    assert (newest.returncode, named.returncode) == (0, 0)
    assert "(0 rows)" in newest.stdout


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.parquet", "rows.md"])
def test_rows_go_to_a_file(name: str, sample: Path, tmp_path: Path) -> None:
    """The suffix selects the format; nothing is printed, and Parquet keeps the types."""
    file = tmp_path / name

    result = run_command("query", QUERY, "-o", file, "--out", sample)

    assert (result.returncode, result.stdout) == (0, "")
    if name.endswith(".parquet"):
        assert pl.read_parquet(file).rows() == ROWS
    elif name.endswith(".json"):
        assert [row["spec_count"] for row in json.loads(file.read_text())] == [114, 60, 35]
    elif name.endswith(".csv"):
        assert file.read_text().splitlines()[1] == "develop-2025-03-16,2025-03-16,114"
    else:
        assert "| develop-2025-03-16 | 2025-03-16 | 114 |" in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "give one query"),
        (["from snapshots", "--file", __file__], 2, "give one query"),
        (["from snapshots", "--format", "parquet"], 2, "-o FILE"),
        (["--file", "missing.sql"], 2, "missing.sql"),
        (["from snapshots", "-o", "no/such/folder.csv"], 1, "can't be written"),
        (["from snapshot", "-o", "rows.csv"], 1, "snapshots"),
    ],
)
def test_an_invalid_query_is_reported(
    arguments: list[str], status: int, said: str, sample: Path, tmp_path: Path
) -> None:
    """Wrong usage is status 2, a failed query 1, and neither leaves a file."""
    result = run_command("query", *arguments, "--out", sample, cwd=tmp_path)

    assert (result.returncode, said in result.stderr) == (status, True), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_duckdbs_client_reads_the_parquet_file(sample: Path, tmp_path: Path) -> None:
    """Lists stay lists."""
    file = tmp_path / "rows.parquet"
    run_command("query", "select stacks from specs limit 1", "-o", file, "--out", sample)

    with duckdb.connect() as connection:
        types = connection.execute(f"describe from '{file}'").fetchall()
    assert types[0][1] == "VARCHAR[]"
