"""Progress bars are shown on a terminal, and nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from pipeline.progress import Progress
from pipeline.tables import workers
from pipeline.tables.refresh import refresh_tables
from tests.conftest import run_on_terminal
from tests.fetch.serving import serve
from tests.writing import site_page, write_pages

PACKAGES = ("adiak", "bzip2", "zlib")


def show_bar(*arguments: object) -> tuple[int, str]:
    """Run `cache-coverage` with a terminal as stderr; return its status and what is shown."""
    wide = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    return run_on_terminal(*arguments, stdout=subprocess.DEVNULL, env=wide)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a source of a few pages."""
    return write_pages(
        tmp_path / "in", {f"v1.0.0/{name}/specs.md": site_page(name, "v1.0.0") for name in PACKAGES}
    )


def test_flatten_has_a_bar_on_a_terminal(source: Path, tmp_path: Path) -> None:
    """It shows pages of the total, the rate and the time left, and is removed at the end."""
    status, screen = show_bar("flatten", source, "--out", tmp_path / "out")

    assert status == 0
    assert "Traceback" not in screen
    assert re.search(r"reading pages: +0%.* 0/[1-3] \[.*pages/s\]", screen)
    last_line = screen.splitlines()[-1].rpartition("\r")[2]
    assert last_line.endswith("3 pages accepted, 3 specs in 1 snapshot")
    assert "reading pages" not in last_line


def test_a_run_without_news_has_no_bar(source: Path, tmp_path: Path) -> None:
    """If there is nothing to read, no bar is shown."""
    refresh_tables([source], tmp_path / "out")

    status, screen = show_bar("flatten", source, "--out", tmp_path / "out")

    assert status == 0
    assert "reading pages" not in screen


def test_fetch_has_a_bar_on_a_terminal(tmp_path: Path) -> None:
    """It shows indexes of the total."""
    with serve() as site:
        site.files["build_cache/index.json"] = b'{"database": {"version": "7", "installs": {}}}'

        status, screen = show_bar("fetch", site.url, "--to", tmp_path / "cache")

    assert status == 0
    assert "Traceback" not in screen
    assert re.search(r"fetching indexes: +0%.* 0/1 ", screen)
    assert "1 index, 1 new or changed" in screen.splitlines()[-1]


@pytest.mark.parametrize("pool_pages", [0, 6000])
def test_every_page_found_is_read(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool_pages: int
) -> None:
    """Progress counts as many pages read as found, with a pool and with one process."""
    told = {"total": 0, "done": 0}

    class Counter(Progress):
        def add_total(self, count: int) -> None:
            told["total"] += count

        def advance(self, count: int) -> None:
            told["done"] += count

    monkeypatch.setattr(workers, "POOL_FILES", pool_pages)
    refresh_tables([source], tmp_path / "out", progress=Counter())

    assert told == {"total": 3, "done": 3}
