"""The report in a real browser: what a person clicks, types, reads and hears."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.warehouse.database import open_warehouse, run_query
from tests.conftest import run_command
from tests.report.browsing import open_browser, open_report, violations
from tests.rows import WEEK_1, WEEK_2, WEEK_3
from tests.writing import make_spec, site_page, write_pages

pytestmark = pytest.mark.slow

MODES = ("exact", "compatible")
MARKUP = '</script><script>window.harmed = true</script><img src=x onerror="window.harmed = true">'
LONG = "long-" + 195 * "x"
UNICODE = "naïve'\"“ß” 猫"
OTHER = "v1.0.0"
# The cells whose list has not as many packages as they count.
WRONG_CELLS = """() => [...document.querySelectorAll("#matrix-tables button")].filter((button) => {
    button.click();
    const buttons = document.querySelectorAll("#panel-body .names button");
    const names = [...buttons].map((name) => name.textContent);
    document.getElementById("panel").close();
    return names.length !== new Set(names).size
        || button.textContent.split("/")[0] !== names.length.toLocaleString("en-US");
}).map((button) => button.textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser: Browser, sample: Path) -> Iterator[Page]:
    """Give the report of the sample; a test leaves its panel closed."""
    with open_report(browser, sample) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give outputs of three kinds of snapshots, with compatible cells and hostile text."""
    folder = tmp_path_factory.mktemp("made")
    pages: dict[str, str | bytes] = {}
    for tag in (WEEK_1, WEEK_2, WEEK_3, "develop", OTHER):
        specs = [
            make_spec(1, variants=[MARKUP, UNICODE], versions=["1.9"]),
            make_spec(2, target="zen4", versions=["1.10"], os="ubuntu24.04"),
            make_spec(3, compiler="none", os="ubuntu24.04"),
        ]
        pages[f"{tag}/zlib/specs.md"] = site_page(tag=tag, specs=specs)
        pages[f"{tag}/{LONG}/specs.md"] = site_page(
            LONG, tag, [make_spec(4, versions=[MARKUP], target="x86_64")]
        )
    pages[f"{WEEK_2}/gone/specs.md"] = site_page("gone", WEEK_2, [make_spec(5)])
    pages["bad/specs.md"] = site_page("bad", WEEK_3, [make_spec(6, os=MARKUP)])
    for command in (["flatten", write_pages(folder / "in", pages)], ["build"], ["report"]):
        assert run_command(*command, "--out", folder / "out").returncode == 0
    return folder / "out"


def choose(page: Page, tag: str, mode: str = "exact") -> None:
    """Choose a snapshot and what is counted."""
    page.select_option("#snapshot", tag)
    page.check(f"input[value={mode}]")
    expect(page.locator("#matrices caption").first).to_contain_text(f"{mode}: packages of {tag}")


def close(page: Page) -> None:
    """Close the panel."""
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).not_to_be_visible()


def test_a_click_on_a_cell_lists_its_packages(page: Page, sample: Path) -> None:
    """The list names the cell, its share, and the packages; one of them opens its own view."""
    choose(page, WEEK_3)
    matrix = page.get_by_role("table").filter(has_text="Operating system × target, exact")
    row = matrix.get_by_role("row").filter(has_text="ubuntu22.04")
    row.get_by_role("button", name="5/6").first.click()

    panel = page.get_by_role("dialog", name="ubuntu22.04 × x86_64_v3")
    expect(panel).to_contain_text("5 of 6 packages (83.3 %)")
    names = panel.locator(".names button").all_text_contents()
    with open_warehouse(sample) as connection:
        built = run_query(
            connection,
            "select distinct package from specs "
            "where tag = ? and os = 'ubuntu22.04' and target = 'x86_64_v3' order by package",
            [WEEK_3],
        ).values
    assert [(name,) for name in names] == built
    panel.get_by_role("button", name="adiak").click()
    expect(page.get_by_role("dialog", name="adiak")).to_contain_text("over the snapshots")
    close(page)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tag", [WEEK_1, WEEK_2, WEEK_3])
def test_every_cell_lists_as_many_packages_as_it_counts(page: Page, tag: str, mode: str) -> None:
    """The lists are put together in the page, the counts in the views: they agree."""
    choose(page, tag, mode)
    assert page.evaluate(WRONG_CELLS) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tag", [WEEK_1, WEEK_3])
def test_the_matrices_are_what_the_view_says(page: Page, sample: Path, tag: str, mode: str) -> None:
    """All cells and totals of the three matrices, for an old snapshot and the newest."""
    choose(page, tag, mode)
    shown = page.locator("#matrix-tables td.share").all_text_contents()
    with open_warehouse(sample) as connection:
        rows = run_query(
            connection,
            f"select {mode}_package_count, snapshot_package_count, {mode}_pct from matrix_cells, "
            "(values ('os', 'target'), ('compiler', 'os'), ('compiler', 'target')) "
            "as names(one, two) "
            f"where tag = ? and {mode}_package_count > 0 "
            "and (compiler is null or 'compiler' in (one, two)) "
            "and (os is null or 'os' in (one, two)) and (target is null or 'target' in (one, two))",
            [tag],
        ).values
    assert sorted(shown) == sorted(f"{count}/{all_} {pct:.1f} %" for count, all_, pct in rows)


def test_a_cell_is_opened_and_left_by_keyboard(page: Page) -> None:
    """Enter opens the list, Escape closes it, and the cell has the focus again."""
    choose(page, WEEK_3)
    cell = page.locator("#matrix-tables td button").first
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_be_visible()
    close(page)
    expect(cell).to_be_focused()


def test_search_and_filter_choose_packages(page: Page) -> None:
    """What is typed is part of the name, in any case; the caption says how many are left."""
    choose(page, WEEK_3)
    names = page.locator("#package-table tbody th")
    every = names.all_text_contents()
    page.get_by_label("Search").fill(" NCC")
    assert names.all_text_contents() == ["nccl"]
    expect(page.locator("#package-table caption")).to_contain_text("1 of 6 packages")
    page.get_by_label("Search").fill("<b>nothing")
    assert names.count() == 0
    page.get_by_label("Search").fill("")
    assert names.all_text_contents() == every
    page.locator("#package-filter").select_option("lagging")
    assert names.count() == page.locator("#package-table tr:has(.lags)").count()
    page.locator("#package-filter").select_option("all")


def test_a_column_sorts_both_ways(page: Page) -> None:
    """The header says how; a number's first click puts the largest first."""
    choose(page, WEEK_3)
    head = page.locator("#package-table th", has_text="covered")
    numbers = page.locator("#package-table td:nth-child(3)")
    for direction in ("descending", "ascending"):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        counts = [int(text.split("/")[0]) for text in numbers.all_text_contents()]
        assert counts == sorted(counts, reverse=direction == "descending")
        assert len(set(counts)) > 1


@pytest.mark.parametrize("tag", [WEEK_1, WEEK_3, "develop", OTHER])
def test_packages_are_exact_compatible_or_missing_as_the_views_say(
    browser: Browser, sample: Path, made: Path, tag: str
) -> None:
    """Each cell of packages × environments is told by a mark and a word, as view gaps has it."""
    out = made if tag in ("develop", OTHER) else sample
    with open_warehouse(out) as connection:
        expected = run_query(
            connection,
            """
            with states as (
                select tag, package, platform, os, target,
                    case when usable_target is null then '–missing'
                        else '≈compatible' || usable_target end as state
                from gaps
                union all
                select tag, package, platform, os, target,
                    '✓exact' || string_agg(distinct version, ', ' order by version)
                        || case when any_value(is_lagging) then ' ↓ lags' else '' end
                from specs inner join newest_versions using (tag, package, platform, os, target)
                group by all
            )
            select package, list(state order by platform || '-' || os || '-' || target)
            from states where tag = ? group by all
            """,
            [tag],
        ).values
    with open_report(browser, out) as page:
        choose(page, tag)
        rows = page.locator("#package-table tbody tr").all()
        shown = [
            (row.locator("th").inner_text(), row.locator("td").all_text_contents()[3:])
            for row in rows
        ]
    # Versions stand newest first in the page, as text here.
    assert sorted(map(unordered, shown)) == sorted(map(unordered, expected))


def unordered(row: tuple[str, list[str]]) -> tuple[str, list[list[str]]]:
    """Give a row with each cell's words in the order of the alphabet."""
    return row[0], [
        sorted(re.findall(r"[^\s,✓]+", state.replace("exact", "exact "))) for state in row[1]
    ]


def test_an_older_snapshot_shows_its_own_changes(page: Page, sample: Path) -> None:
    """All that depends on the snapshot follows the choice; what was lost comes first."""
    choose(page, WEEK_2)
    assert set(page.locator(".of-snapshot").all_text_contents()) == {WEEK_2}
    expect(page.locator("#change-table caption")).to_contain_text(f"{WEEK_2} since {WEEK_1}, lost")
    changes = page.locator("#change-table td:nth-child(2)").all_text_contents()
    with open_warehouse(sample) as connection:
        query = (
            "select change, count(*) from snapshot_changes where tag = ? group by all order by 1"
        )
        counts = dict(run_query(connection, query, [WEEK_2]).values)
    assert changes == ["✕lost"] * counts["lost"] + ["↻rebuilt"] * counts["rebuilt"]
    page.locator("#change-filter").select_option("rebuilt")
    assert page.locator("#change-table tbody tr").count() == counts["rebuilt"]


def test_a_count_of_changes_opens_just_those(page: Page) -> None:
    """They are the newest snapshot's, whichever was chosen before."""
    choose(page, WEEK_1)
    link = page.locator("#overview [data-change=lost]")

    link.click()

    expect(page.locator("#change-table caption")).to_contain_text(f"{WEEK_3} since {WEEK_2}")
    assert page.locator("#change-filter").input_value() == "lost"
    assert page.locator("#change-table tbody tr").count() == int(link.text_content() or "")


def test_stacks_show_coverage_and_overlap(page: Page, sample: Path) -> None:
    """A row a stack, the largest first, and a matrix of what each two share."""
    choose(page, WEEK_1)
    with open_warehouse(sample) as connection:
        stacks = run_query(
            connection,
            "select stack, package_count, spec_count, sole_spec_count, sole_cell_count "
            "from stack_coverage where tag = ?",
            [WEEK_1],
        ).values
        pairs = run_query(
            connection,
            "select shared_package_count, 100 * package_jaccard from stack_overlap "
            "where tag = ? and shared_package_count > 0",
            [WEEK_1],
        ).values
    rows = page.locator("#stack-tables table").first.locator("tbody tr").all()
    shown = [tuple(row.locator("th, td").all_text_contents()) for row in rows]
    assert sorted(shown) == sorted(tuple(map(str, stack)) for stack in stacks)
    shares = page.locator("#stack-tables .matrix td.share").all_text_contents()
    assert sorted(shares) == sorted(2 * [f"{count} {share:.1f} %" for count, share in pairs])


def test_text_of_others_stays_text(browser: Browser, made: Path) -> None:
    """Markup in versions, variants and messages, unicode and long names are shown as they are."""
    with open_report(browser, made, width=400) as page:
        choose(page, WEEK_3)
        names = page.locator("#package-table tbody th button")
        assert sorted(names.all_text_contents()) == sorted([LONG, "zlib"])
        names.filter(has_text="long-").click()
        expect(page.locator("#panel-title")).to_have_text(LONG)
        expect(page.locator("#panel-body tbody th").first).to_have_text(MARKUP)
        close(page)
        names.filter(has_text="zlib").click()
        expect(page.locator("#panel-body")).to_contain_text(f"{MARKUP} {UNICODE}")
        close(page)
        expect(page.locator("#trust")).to_contain_text("</script><script>window.harmed")
        assert page.locator("main img").count() == 0
        assert page.evaluate("window.harmed") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_package_shows_its_history(browser: Browser, made: Path) -> None:
    """A row a snapshot, the newest of each kind first; a snapshot without the package says so."""
    with open_report(browser, made) as page:
        choose(page, WEEK_2)
        page.get_by_role("button", name="gone", exact=True).first.click()
        rows = page.get_by_role("region", name="History of gone").locator("tbody tr")
        expect(rows).to_have_count(5)
        shown = [tuple(row.locator("th, td").all_text_contents()) for row in rows.all()]
        there = (WEEK_2, "1.2", "1/4", "0", "1", "e4s")
        without = [(tag, *5 * ("–",)) for tag in (WEEK_3, "develop", OTHER, WEEK_1)]
        assert sorted(shown) == sorted([there, *without])
        close(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_axe_finds_nothing(
    browser: Browser, made: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    """The page, a cell's list and a package's view pass axe-core, and no width is exceeded."""
    with open_report(browser, made, width, scheme) as page:
        for summary in page.locator("summary").all():
            summary.click()
        assert violations(page) == []
        page.locator("#matrix-tables td button").first.click()
        assert violations(page) == []
        page.locator("#panel-body .names button").last.click()
        page.wait_for_selector("#panel-body tbody tr >> nth=2")
        assert violations(page) == []
        close(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_missing_file_of_data_is_told(browser: Browser, sample: Path, tmp_path: Path) -> None:
    """A page that was copied without its folder says what it lacks."""
    (tmp_path / "index.html").write_bytes((sample / "reports" / "index.html").read_bytes())
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_role("status")).to_contain_text("keep the whole folder together")
    expect(page.locator("#matrix-tables table")).to_have_count(3)
    page.close()
