"""The part "Intended and actual" of the reports: stacks against their environment files."""

from __future__ import annotations

import html
import re
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import expect

from tests.conftest import run_command
from tests.report.browsing import open_browser, open_report, violations
from tests.stacks import write_stack
from tests.writing import SAMPLE

NEWEST = "develop-2025-03-30"
SUMMARY = f"""
Roots of stacks' environment files in {NEWEST}; unmet: the stack has them only without the file's requirements.

| stack | present | share | as preferred | unmet | missing | unknown | specs of the stack |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| e4s | 1 of 5 | 20.0 % | 0 | 1 | 2 | 1 | 9 |
| hep | 0 of 1 | 0.0 % | 0 | 0 | 1 | 0 | 2 |
| nowhere | 0 of 1 | 0.0 % | 0 | 0 | 1 | 0 | no such stack |

<details><summary>Roots that e4s lacks in {NEWEST}</summary>

| root | group | reason | missing since | other stacks have it |
| --- | --- | --- | --- | --- |
| rocblas \\~tensile | default | variants | – | – |
| swig | default | package | develop-2025-03-23 | – |
| argobots | a\\|b | requires argobots: +nothing | – | data-vis-sdk, e4s-cray-rhel, e4s-neoverse-v2, e4s-oneapi, e4s-rocm-external |

</details>

<details><summary>Roots that hep lacks in {NEWEST}</summary>

| root | group | reason | missing since | other stacks have it |
| --- | --- | --- | --- | --- |
| swig | default | package | develop-2025-03-23 | – |

</details>
"""  # noqa: E501 (a row of a table is a line)


@pytest.fixture(scope="module")
def meant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the outputs of the sample with three stacks."""
    folder = tmp_path_factory.mktemp("meant")
    write_stack(
        folder / "stacks" / "e4s",
        """\
        spack:
          include: ['<b>missing.yaml']
          packages:
            argobots: {require: +nothing}
            adiak: {prefer: [+nothing]}
          specs:
          - adiak
          - rocblas ~tensile
          - swig
          - cuda ^zlib
          - group: a|b
            specs: [argobots]
        """,
    )
    write_stack(folder / "stacks" / "hep", "spack: {specs: [swig]}\n")
    write_stack(folder / "stacks" / "nowhere", "spack: {specs: [zlib]}\n")
    out = folder / "out"
    for command in (["flatten", SAMPLE, folder / "stacks"], ["build"], ["report"]):
        result = run_command(*command, "--out", out)
        assert result.returncode == 0, result.stderr
    return out


def test_the_summary_tells_what_each_stack_has(meant: Path) -> None:
    """Counts of every stack; what those lack that the newest snapshot has, and since when."""
    text = (meant / "reports" / "summary.md").read_text(encoding="utf-8")
    part = text.partition("## Intended and actual\n")[2]

    assert part.partition("\n<details><summary>Changed")[0].rstrip() == SUMMARY.rstrip()


def test_the_page_has_a_map_of_stacks_and_snapshots(meant: Path) -> None:
    """The newest snapshot comes first; one without the stack has no share, not zero."""
    page = (meant / "reports" / "index.html").read_text(encoding="utf-8")
    (table,) = re.findall(r'<table class="matrix" id="intent-map">(.*?)</table>', page, re.DOTALL)
    rows = [
        [
            html.unescape(re.sub("<[^>]*>", "", cell))
            for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)
        ]
        for row in re.findall("<tr>(.*?)</tr>", table)
    ]

    assert rows == [
        ["stack", NEWEST, "develop-2025-03-23", "develop-2025-03-16"],
        ["e4s", "1/5 20.0 %", "2/5 40.0 %", "2/5 40.0 %"],
        ["hep", "0/1 0.0 %", "1/1 100.0 %", "1/1 100.0 %"],
        ["nowhere", "–", "–", "–"],
    ]
    assert "<b>missing" not in page
    assert "&lt;b&gt;missing.yaml is not there; it may hide definitions and requirements" in page


@pytest.mark.parametrize(
    "view", ["stack_intent", "stack_missing", "shared_missing_roots", "unintended_packages"]
)
def test_the_views_are_files_too(meant: Path, view: str) -> None:
    """CSV of all snapshots of a short history, and Parquet by snapshot, as of other views."""
    query = f"select count(*) as n from {view}"
    rows = run_command("query", query, "--out", meant, "--format", "csv").stdout
    reports = meant / "reports"
    parquet = pl.read_parquet(list((reports / "parquet" / view).glob("*.parquet")))

    assert rows == f"n\n{parquet.height}\n"
    assert (reports / "csv" / f"{view}.csv").read_text().count("\n") == parquet.height + 1
    assert len(list((reports / "parquet" / view).iterdir())) == 3
    assert f'<a href="csv/{view}.csv">' in (reports / "index.html").read_text(encoding="utf-8")


def test_without_environment_files_there_is_no_part(sample: Path) -> None:
    """Neither in the page, nor in the summary, nor a file."""
    reports = sample / "reports"
    texts = [(reports / name).read_text(encoding="utf-8") for name in ("index.html", "summary.md")]

    assert not any("ntended and actual" in text or "intended-and" in text for text in texts)
    assert not (reports / "csv" / "stack_intent.csv").exists()


@pytest.mark.slow
def test_a_browser_shows_the_part(meant: Path) -> None:
    """A heading links to it, its tables have names, and axe reports no violations."""
    with open_browser() as browser:
        for scheme in ("light", "dark"):
            with open_report(browser, meant, scheme=scheme) as page:
                page.get_by_role("link", name="Intended and actual").click()
                heading = page.get_by_role("heading", name="Intended and actual")
                expect(heading).to_be_in_viewport()
                rows = page.get_by_role("region", name="Roots present by stack").get_by_role("row")
                expect(rows.nth(1)).to_contain_text("e4s1/5 20.0 %")
                page.get_by_text("e4s: 3 roots").click()
                lacking = page.get_by_role("region", name="Roots that e4s lacks")
                expect(lacking.get_by_role("row")).to_have_count(4)
                assert violations(page) == []
        with open_report(browser, meant, width=390) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
