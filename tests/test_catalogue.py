"""The documents are true: README and docs/ show real output, and name existing tests as proof."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.warehouse.database import open_warehouse, run_query
from pipeline.warehouse.views import SQL_FOLDER, header, view_files
from tests.conftest import Run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
GUARANTEES = [
    line
    for line in (ROOT / "docs" / "guarantees.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| guarantee |", "| --- |"))
]


@pytest.mark.parametrize("file", view_files(), ids=lambda file: file.stem)
def test_every_view_has_its_header(file: Path) -> None:
    """Every file of sql/ has a header with a sentence, the grain and what it reads."""
    lines = header(file.read_text())

    assert re.fullmatch(r"[A-Z`][^\n]{10,}\.", lines[0])
    assert any(line.startswith("Grain: ") for line in lines)
    assert any(line.startswith("Reads: ") for line in lines)


@pytest.mark.parametrize("name", main.commands)
def test_every_command_is_in_the_readme(name: str) -> None:
    """Each command has help and a line in README."""
    assert main.commands[name].help
    assert f"`cache-coverage {name}" in README


@pytest.mark.parametrize("row", GUARANTEES, ids=[row.split("|")[1] for row in GUARANTEES])
def test_every_guarantee_has_its_tests(row: str) -> None:
    """The tests and make targets named as proof exist."""
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
    assert proofs

    for file, test in proofs:
        assert f"\ndef {test}(" in (ROOT / file).read_text()
    for target in re.findall(r"`make ([\w-]+)`", row):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link in a document leads to a file."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readmes_queries_run(sample: Path) -> None:
    """Every query in README has rows on the sample, except the one that should find none."""
    queries = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)

    with open_warehouse(sample) as connection:
        counts = [len(run_query(connection, query).values) for query in queries]

    assert [count for count in counts if not count] == [0]
    assert counts[4] == 0


def test_the_readmes_five_lines_are_what_report_prints(sample: Path, run: Run) -> None:
    """README shows what `make reports` prints for the sample."""
    lines = run("report", "--out", sample).stdout.splitlines()

    for line in lines[1:]:
        assert line in README


def test_the_views_are_found_in_a_checkout() -> None:
    """In a checkout, the views are found."""
    assert SQL_FOLDER == ROOT / "sql"
