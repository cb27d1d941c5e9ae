"""The files of the report: the same bytes for the same tables, with every row."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.report.data import encode
from pipeline.report.exports import NEWEST_VIEWS, OTHER_VIEWS, csv_views
from pipeline.warehouse.database import open_warehouse, run_query
from tests.conftest import run_command
from tests.rows import WEEK_3
from tests.writing import SAMPLE, site_page, write_pages

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(str(path.relative_to(GOLDEN)) for path in GOLDEN.rglob("*.*"))


def test_the_golden_files_are_all_there_are(sample: Path) -> None:
    """summary.md and each CSV file have a golden file; `make golden` regenerates them."""
    reports = sample / "reports"
    found = [reports / "summary.md", *(reports / "csv").rglob("*.csv")]
    assert sorted(str(path.relative_to(reports)) for path in found) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_its_golden_file(sample: Path, name: str) -> None:
    """Byte for byte: no time of day, version or path is in it."""
    assert (sample / "reports" / name).read_bytes() == (GOLDEN / name).read_bytes()


@pytest.mark.slow
def test_a_second_report_is_the_same(tmp_path: Path) -> None:
    """After a rebuild from scratch, every file of the reports has the same bytes."""
    trees = []
    for _ in range(2):
        for command in (["flatten", SAMPLE], ["build"], ["report"]):
            assert run_command(*command, "--out", tmp_path / "out").returncode == 0
        reports = tmp_path / "out" / "reports"
        trees.append(
            {path: path.read_bytes() for path in reports.rglob("[!.]*.*") if path.is_file()}
        )
        shutil.rmtree(tmp_path / "out")
    assert trees[0] == trees[1]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("csv/")])
def test_a_csv_file_has_every_row_of_its_view(sample: Path, name: str) -> None:
    """Read back, it equals the view, or a snapshot's part: columns by name, null empty."""
    view, *tag = Path(name).with_suffix("").parts[1:]
    with open_warehouse(sample) as connection:
        if view in NEWEST_VIEWS:
            tag = [WEEK_3]
        where = "where tag = ?" if tag else ""
        rows = connection.sql(f"select * from {view} {where} order by all", params=tag).pl()
    rows = rows.with_columns(pl.selectors.list().list.join(" "))
    read = pl.read_csv(sample / "reports" / name, schema=rows.schema)
    assert_frame_equal(read, rows)


@pytest.fixture(scope="module")
def mirror_reports(mirror_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the small build cache's outputs, with reports."""
    folder = shutil.copytree(mirror_sample, tmp_path_factory.mktemp("reports") / "out")
    assert run_command("report", "--out", folder).returncode == 0
    return folder


def test_each_stack_of_a_build_cache_counts_as_an_index(mirror_reports: Path) -> None:
    """Those of root, three stacks and the installation, though all packages are in root's."""
    said = (mirror_reports / "reports" / "summary.md").read_text()

    assert "- read:     5 indexes of 2 snapshots: " in said


@pytest.mark.parametrize("out", ["sample", "mirror_reports"])
@pytest.mark.parametrize("view", [*csv_views(), *OTHER_VIEWS])
def test_parquet_files_have_every_row_of_their_view(
    request: pytest.FixtureRequest, out: str, view: str
) -> None:
    """Polars and DuckDB read the folder of a view completely, with the view's types."""
    folder = request.getfixturevalue(out) / "reports" / "parquet" / view
    with open_warehouse(request.getfixturevalue(out)) as connection:
        rows = connection.sql(f"select * from {view} order by all").pl()
    read = pl.read_parquet(folder)
    assert_frame_equal(read.sort(pl.all(), nulls_last=True), rows.sort(pl.all(), nulls_last=True))
    with duckdb.connect() as connection:
        again = connection.sql(f"from read_parquet('{folder}/*.parquet') order by all")
        assert_frame_equal(again.pl(), rows)


def test_the_page_names_only_files_that_are_there(sample: Path) -> None:
    """Each link leads to a part of the page or to an existing file of the outputs."""
    reports = sample / "reports"
    html = (reports / "index.html").read_text()
    links = re.findall(r'\b(?:href|src)="([^"]*)"', html)
    ids = {f"#{name}" for name in re.findall(r'\bid="([^"]*)"', html)}
    # A selection is read by the page's scripts.
    links = [link for link in links if not link.startswith(("#package=", "#snapshot="))]
    files = {link for link in links if not link.startswith(("#", "data:", "packages"))}
    assert {link for link in links if link.startswith("#")} <= ids
    assert [link for link in files if not (reports / link).is_file()] == []
    assert "../coverage.duckdb" in files
    assert {f"csv/{path.name}" for path in (reports / "csv").glob("*.csv")} <= files
    # Links that people may follow or copy: a recipe, and the public cache.
    hosts = set(re.findall(r"https?://([^/\s\"'`]+)", html))
    assert hosts == {"packages.spack.io", "binaries.spack.io"}


@pytest.mark.parametrize(
    ("pages", "section", "text"),
    [
        ({"a.md": "no front matter"}, "trust", "expected &#39;---&#39; on the first line"),
        ({"a.md": site_page()}, "repeated", "No spec both came and went"),
    ],
    ids=["none", "one"],
)
def test_a_history_of_few_snapshots_has_what_there_is(
    tmp_path: Path, pages: dict[str, str | bytes], section: str, text: str
) -> None:
    """No link leads to a section that is left out, and what is missing is said."""
    for command in (["flatten", write_pages(tmp_path / "in", pages)], ["build"], ["report"]):
        assert run_command(*command, "--out", tmp_path / "out").returncode == 0
    html = (tmp_path / "out" / "reports" / "index.html").read_text()
    assert set(re.findall(r'href="#([\w-]+)"', html)) <= set(re.findall(r'id="([\w-]+)"', html))
    assert text in html[html.index(f'<section id="{section}">') :]


def test_charts_take_their_colours_from_the_page(sample: Path) -> None:
    """Charts are readable in light and dark: they have no colours of their own."""
    html = (sample / "reports" / "index.html").read_text()
    drawings = re.findall(r"<svg .*?</svg>", html, re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        assert 'role="img" aria-label="' in drawing
        assert not re.findall(r"#[0-9a-fA-F]{3,6}\b|style=|<style", drawing)


def test_the_trend_is_drawn_and_written(sample: Path) -> None:
    """The table beside the chart has the numbers of view coverage_trend, newest first.

    What a week is compared with is named where that is not the week before.
    """
    html = (sample / "reports" / "index.html").read_text()
    trend = html[html.index('<section id="trend">') : html.index('<section id="repeated">')]
    rows = [re.findall(r">([^<>\n]+)</t[hd]>", row) for row in trend.split("<tr>")[2:]]
    with open_warehouse(sample) as connection:
        expected = run_query(
            connection,
            """
            select
                snapshot_date || if(is_model_change, ' *', ''),
                if(days_since_previous = 7, 'week before', right(previous_tag, 10)),
                package_count, spec_count, cell_count, environment_count,
                format('{:.1f} %', kept_pct), lost_cell_count, gained_cell_count,
                upgraded_cell_count, downgraded_cell_count, versions_changed_cell_count,
                rebuilt_cell_count
            from coverage_trend
            order by tag desc
            """,
        ).values
    assert rows == [["–" if cell is None else str(cell) for cell in row] for row in expected]


def test_tables_share_their_values() -> None:
    """A text is written once for all columns of its name; null stays null, lists are lists."""
    one = pl.DataFrame({"os": ["b", None], "stacks": ['["x"]', "[]"], "n": [1, None]})
    other = pl.DataFrame(
        {"os": ["a", "b"], "is_in_root": [True, False], "hash": ["h" * 32, "i" * 32]}
    )
    values, tables = encode({"one": one, "other": other})
    assert json.loads(msgspec.json.encode(values)) == {"os": ["a", "b"], "stacks": [["x"], []]}
    assert tables == {
        "one": {"os": [1, None], "stacks": [0, 1], "n": [1, None]},
        "other": {"os": [0, 1], "is_in_root": [1, 0], "hash": "h" * 32 + "i" * 32},
    }
