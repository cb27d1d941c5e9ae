"""The Makefile: it lists itself, and hands on what it is given unread."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make with the environment that runs the tests, never installing anything.

    For make it is complete: a file that it must take for old stands in for the stamp.
    """
    venv = Path(sys.executable).parent.parent
    return subprocess.run(
        ["make", "--old-file=LICENSE", "STAMP=LICENSE", f"VENV={venv}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_target() -> None:
    """`make` alone prints each target with its text."""
    listed = {line.split()[0] for line in make().stdout.splitlines()}

    assert listed == set(PHONY)


@pytest.mark.parametrize(
    "text", ["it's", 'say "hi"', "$HOME", "$(shell id)", "`id`", "a;b", "a\\b", "#"]
)
def test_query_hands_on_any_text(sample: Path, text: str) -> None:
    """Quotes, dollars and backticks reach DuckDB as they are."""
    literal = text.replace("'", "''")

    result = make("query", f"Q=select '{literal}' as text", f"OUT={sample}", "FORMAT=csv")

    assert result.returncode == 0, result.stderr
    quoted = text.replace('"', '""')
    assert result.stdout in (f"text\n{text}\n", f'text\n"{quoted}"\n')


def test_query_makes_what_is_missing_and_prints_rows_alone(tmp_path: Path) -> None:
    """In an empty folder a query first makes the sample's tables and database, silently."""
    result = make("query", "Q=select count(*) as n from pages", f"OUT={tmp_path}", "FORMAT=csv")

    assert result.stdout == "n\n30\n"


def test_reports_makes_all_of_it(tmp_path: Path) -> None:
    """`make reports` goes from pages to a report, and says so in five lines."""
    result = make("reports", f"OUT={tmp_path}")

    assert len(result.stdout.splitlines()) == 5
    assert (tmp_path / "reports" / "index.html").is_file()


def test_a_failure_is_a_failure(tmp_path: Path) -> None:
    """What a command refuses, make refuses."""
    result = make("tables", f"SOURCE={tmp_path}/nowhere", f"OUT={tmp_path}/out")

    assert result.returncode != 0
    assert "no such file or folder" in result.stderr
    assert "Traceback" not in result.stderr
