"""No accepted page and no damage to the database ends a command in a traceback."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.outputs import DATABASE
from tests.conftest import run_command
from tests.writing import make_spec, site_page, write_pages

# Each is accepted without a reject, and once broke the report of all snapshots.
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "digits": ("develop-2025-03-16", {"compiler": f"gcc@{'1' * 5000}"}),
    "year 0": ("develop-0000-01-01", {}),
    "year 1": ("develop-0001-01-01", {}),
    "year 9999": ("develop-9999-12-31", {}),
    "stacks": ("develop", {"stacks": [f"s{number}" for number in range(400)]}),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PAGES)
def test_no_page_that_is_taken_breaks_the_report(tmp_path: Path, case: str) -> None:
    """Build and report succeed, whatever a page contains."""
    tag, changes = PAGES[case]
    pages: dict[str, str | bytes] = {"a.md": site_page("zlib", tag, [make_spec(1, **changes)])}
    out = tmp_path / "out"
    for command in (["flatten", write_pages(tmp_path / "in", pages)], ["build"], ["report"]):
        result = run_command(*command, "--out", out)
        assert result.returncode == 0, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_database_is_said(sample: Path, tmp_path: Path, seed: int) -> None:
    """Whatever bytes are wrong, the report is written, or a message says what to do."""
    content = bytearray((sample / DATABASE).read_bytes())
    chance = random.Random(seed)
    length = chance.choice((1, 64, 4096))
    start = chance.randrange(12_288, len(content) - length)
    content[start : start + length] = chance.randbytes(length)
    (tmp_path / DATABASE).write_bytes(content if seed else content[:600_000])

    result = run_command("report", "--out", tmp_path)

    if result.returncode:
        assert result.returncode == 1
        assert DATABASE in result.stderr
        assert "cache-coverage build" in result.stderr


@pytest.mark.slow
def test_three_reports_of_a_lone_database_take_turns(sample: Path, tmp_path: Path) -> None:
    """Each succeeds, and leaves only the reports."""
    shutil.copy(sample / DATABASE, tmp_path)
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "report", "--out", str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [run.communicate()[1] for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0], said
    assert {path.name for path in tmp_path.iterdir()} == {DATABASE, "reports"}
