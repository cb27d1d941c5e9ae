"""Which files are rewritten or kept; reports of a database alone, and of a damaged one."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from pipeline.hosts import this_os, this_target
from tests.conftest import run_command
from tests.rows import WEEK_1, WEEK_2, WEEK_3
from tests.writing import make_spec, site_page, write_pages


def make_tables(source: Path, out: Path, pages: Mapping[str, str | bytes]) -> None:
    """Write pages, and build the database of all of them."""
    write_pages(source, dict(pages))
    for command in (["flatten", source], ["build"]):
        assert run_command(*command, "--out", out).returncode == 0


def report(out: Path, *options: str) -> str:
    """Write the reports; return the printed text."""
    result = run_command("report", "--out", out, *options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def written(out: Path) -> dict[str, tuple[int, int]]:
    """Return the reports' files with what changes when one is rewritten: inode and time.

    A new file may get the inode of one that was removed.
    """
    reports = out / "reports"
    return {
        str(path.relative_to(reports)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in reports.rglob("*")
        if path.is_file()
    }


def zlib_pages(*tags: str) -> dict[str, str | bytes]:
    """Return a page of zlib for each tag, each with a different spec."""
    return {
        f"{tag}/zlib/specs.md": site_page("zlib", tag, [make_spec(number)])
        for number, tag in enumerate(tags, 1)
    }


@pytest.mark.slow
def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    """The same lines are printed, and no file is replaced."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1, WEEK_2))
    lines, before = report(tmp_path), written(tmp_path)

    assert report(tmp_path) == lines
    assert written(tmp_path) == before


@pytest.mark.slow
def test_a_new_snapshot_leaves_the_files_of_others(tmp_path: Path) -> None:
    """Only its own files are written, those of the previous newest, and those of the history."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1, WEEK_2))
    report(tmp_path)
    before = written(tmp_path)

    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1, WEEK_2, WEEK_3))
    report(tmp_path)

    after = written(tmp_path)
    kept = [name for name in after if after[name] == before.get(name)]
    assert sorted(kept) == sorted(name for name in before if WEEK_1 in name)
    assert any(WEEK_3 in name for name in after)


@pytest.mark.slow
def test_a_changed_snapshot_changes_the_one_after_it(tmp_path: Path) -> None:
    """It affects the changes of the next one: both are written, the one before is kept."""
    tags = (WEEK_1, WEEK_2, WEEK_3)
    make_tables(tmp_path / "in", tmp_path, zlib_pages(*tags))
    report(tmp_path)
    before = written(tmp_path)
    page = site_page("zlib", WEEK_2, [make_spec(2), make_spec(9, target="zen4")])

    make_tables(tmp_path / "in", tmp_path, {f"{WEEK_2}/zlib/specs.md": page})
    report(tmp_path)

    after = written(tmp_path)
    kept = [name for name in after if after[name] == before.get(name)]
    assert sorted(kept) == sorted(name for name in before if WEEK_1 in name)
    changes = tmp_path / "reports" / "csv" / "snapshot_changes" / f"{WEEK_3}.csv.gz"
    assert b"zen4,lost" in gzip.decompress(changes.read_bytes())


@pytest.mark.slow
def test_a_file_that_is_gone_or_cut_is_written_again(tmp_path: Path) -> None:
    """The next run restores missing or truncated files."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1, WEEK_2))
    report(tmp_path)
    reports = tmp_path / "reports"
    whole = {path: path.read_bytes() for path in reports.rglob("[!.]*.*") if path.is_file()}
    (reports / "data" / "snapshots" / f"{WEEK_1}.js").unlink()
    (reports / "csv" / "gaps.csv").write_text("")

    report(tmp_path)

    assert {path: path.read_bytes() for path in reports.rglob("[!.]*.*") if path.is_file()} == whole


@pytest.mark.slow
def test_a_long_history_has_its_large_views_by_snapshot(tmp_path: Path) -> None:
    """Beyond twelve snapshots, gaps.csv has only the newest, with --all every one."""
    tags = [f"develop-2024-{month:02}-{day:02}" for month in range(1, 8) for day in (7, 21)]
    pages = {
        f"{tag}/{name}/specs.md": site_page(name, tag, [make_spec(number, target=target)])
        for tag in tags
        for number, (name, target) in enumerate([("zlib", "zen4"), ("hdf5", "icelake")], 1)
    }
    make_tables(tmp_path / "in", tmp_path, pages)

    def tags_of(name: str) -> list[str]:
        rows = pl.read_csv(tmp_path / "reports" / "csv" / name)
        return rows["tag"].unique().sort().to_list()

    report(tmp_path)
    assert tags_of("gaps.csv") == tags[-1:]
    assert tags_of(f"gaps/{tags[0]}.csv.gz") == tags[:1]
    assert tags_of("coverage_os_target.csv") == tags
    report(tmp_path, "--all")
    assert tags_of("gaps.csv") == tags


@pytest.mark.slow
def test_the_page_may_begin_with_this_machine(tmp_path: Path) -> None:
    """With --host, the page has this machine's OS and target, otherwise none."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages(WEEK_1))
    report(tmp_path)
    assert '"host":null' in (tmp_path / "reports" / "index.html").read_text()

    report(tmp_path, "--host")

    host = {"os": this_os() or "", "target": this_target()}
    assert (
        f'"host":{json.dumps(host, separators=(",", ":"))}'
        in (tmp_path / "reports" / "index.html").read_text()
    )


@pytest.mark.slow
def test_a_snapshot_may_be_called_history(tmp_path: Path) -> None:
    """It has its own data file, and so has the history."""
    make_tables(tmp_path / "in", tmp_path, zlib_pages("history", WEEK_1))
    report(tmp_path)
    data = tmp_path / "reports" / "data"
    assert (
        (data / "snapshots" / "history.js")
        .read_text()
        .startswith('coverageData("data/snapshots/history.js", ')
    )
    assert (data / "history.js").read_text().startswith('coverageData("data/history.js", ')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        (WEEK_1, {"compiler": "gcc@" + 240 * "1"}),
        (WEEK_1, {"versions": [240 * "1"]}),
        ("develop-0000-01-01", {}),
        ("develop-0001-01-01", {}),
        ("develop-9999-12-31", {}),
        ("develop", {"stacks": [f"s{number}" for number in range(1000)]}),
    ],
)
def test_no_page_that_is_accepted_stops_the_report(
    tmp_path: Path, tag: str, changes: dict[str, object]
) -> None:
    """Long versions, years that Python does not support, and thousands of stacks are reported."""
    pages: dict[str, str | bytes] = {
        f"{tag}/zlib/specs.md": site_page("zlib", tag, [make_spec(1, **changes)])
    }
    make_tables(tmp_path / "in", tmp_path, pages)
    assert f"newest:   {tag}" in report(tmp_path)


def test_a_database_cut_short_is_reported(sample: Path, tmp_path: Path) -> None:
    """A message has the file and the remedy; there is no traceback."""
    whole = (sample / "coverage.duckdb").read_bytes()
    (tmp_path / "coverage.duckdb").write_bytes(whole[: len(whole) // 2])

    result = run_command("report", "--out", tmp_path)

    assert result.returncode == 1
    assert f"{tmp_path / 'coverage.duckdb'}: can't be read" in result.stderr
    assert "cache-coverage build" in result.stderr


@pytest.mark.slow
def test_a_damaged_database_is_reported(sample: Path, tmp_path: Path) -> None:
    """Whatever bytes are damaged, a message has the file and the remedy; there is no traceback."""
    whole = (sample / "coverage.duckdb").read_bytes()
    for share in range(1, 12):
        damaged = bytearray(whole)
        start = len(whole) * share // 12
        damaged[start : start + 4096] = bytes(4096)
        (tmp_path / "coverage.duckdb").write_bytes(damaged)
        result = run_command("report", "--out", tmp_path)
        if result.returncode:
            assert f"{tmp_path / 'coverage.duckdb'}: can't be read" in result.stderr
            assert "cache-coverage build" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 8))
def test_a_database_with_random_bytes_is_reported(sample: Path, tmp_path: Path, seed: int) -> None:
    """The report is written, or a message has the file and the remedy; there is no traceback."""
    damaged = bytearray((sample / "coverage.duckdb").read_bytes())
    chance = random.Random(seed)
    length = chance.choice((1, 64, 4096))
    start = chance.randrange(12_288, len(damaged) - length)
    damaged[start : start + length] = chance.randbytes(length)
    (tmp_path / "coverage.duckdb").write_bytes(damaged)

    result = run_command("report", "--out", tmp_path)

    if result.returncode:
        assert result.returncode == 1
        assert "coverage.duckdb" in result.stderr
        assert "cache-coverage build" in result.stderr


@pytest.mark.slow
def test_three_reports_of_a_lone_database(sample: Path, tmp_path: Path) -> None:
    """Concurrent runs on a database without tables take turns, and leave no other files."""
    shutil.copy(sample / "coverage.duckdb", tmp_path)
    command = [sys.executable, "-m", "pipeline", "report", "--out", str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    lines = [run.communicate()[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(set(lines)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coverage.duckdb", "reports"]
