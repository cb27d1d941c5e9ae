"""The SQL page in a real browser: queries, errors, shared links, downloads."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import run_command
from tests.report.browsing import open_browser, violations
from tests.test_documents import RECIPES

pytestmark = pytest.mark.slow

SNAPSHOTS = "select tag, kind, spec_count from snapshots order by tag"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with open_browser() as opened:
        yield opened


@contextmanager
def open_page(browser: Browser, address: str, query: str = "", width: int = 1400) -> Iterator[Page]:
    """Open the SQL page, which must not contact another host or log an error."""
    faults: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 844}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "blob:", "data:"))
            else faults.append(request.url)
        ),
    )
    page.goto(f"{address}sql.html{f'#q={quote(query)}' if query else ''}")
    expect(page.locator("#run")).to_be_enabled(timeout=60_000)
    yield page
    assert faults == []
    context.close()


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return the SQL page, loaded."""
    with open_page(browser, address) as opened:
        yield opened


def ask(page: Page, query: str) -> None:
    """Type a query and run it with the keyboard."""
    page.fill("#query", query)
    page.press("#query", "Control+Enter")
    expect(page.locator("#status")).not_to_have_text("running…", timeout=60_000)


def shown_rows(page: Page) -> list[list[str]]:
    """Return the texts of the result table, with its header first."""
    lines: list[list[str]] = page.eval_on_selector_all(
        "#rows tr", "lines => lines.map(line => [...line.cells].map(cell => cell.textContent))"
    )
    return lines


def asked_rows(sample: Path, query: str) -> list[list[str]]:
    """Return what `cache-coverage query` prints for it, with the header first."""
    result = run_command("query", query, "--format", "csv", "--out", sample)
    return [line.split(",") for line in result.stdout.splitlines()]


def test_a_query_gives_the_rows_of_the_command(page: Page, sample: Path) -> None:
    """Ctrl-Enter runs a query; the table has the rows that `query` prints."""
    ask(page, SNAPSHOTS)

    assert shown_rows(page) == asked_rows(sample, SNAPSHOTS)


def test_a_wrong_query_shows_duckdbs_message(page: Page) -> None:
    """An error shows DuckDB's message and no table."""
    ask(page, "select tagg from snapshots")

    expect(page.locator("#error")).to_contain_text("Binder Error")
    expect(page.locator("#error")).to_contain_text("tag")
    expect(page.locator("#result")).to_be_hidden()


def test_a_shared_link_reproduces_the_result(browser: Browser, page: Page, address: str) -> None:
    """The URL has the query: opened elsewhere, it runs and shows the same rows."""
    ask(page, SNAPSHOTS)
    rows = shown_rows(page)
    page.click("#copy-link")
    link = page.evaluate("navigator.clipboard.readText()")

    with open_page(browser, address) as other:
        other.goto(link)
        other.reload()
        expect(other.locator("#status")).to_contain_text("3 rows", timeout=60_000)
        assert shown_rows(other) == rows


def test_back_returns_to_the_query_before(page: Page) -> None:
    """Each query is a step in the browser's history."""
    ask(page, "select 1 as first")
    ask(page, "select 2 as second")

    page.go_back()

    expect(page.locator("#query")).to_have_value("select 1 as first")
    expect(page.locator("#rows thead")).to_have_text("first")


@pytest.mark.parametrize(("title", "query"), RECIPES, ids=[title for title, _ in RECIPES])
def test_each_recipe_of_the_cookbook_runs(page: Page, title: str, query: str) -> None:
    """Each query of the cookbook can be selected, and DuckDB-Wasm runs it."""
    page.select_option("#recipe", label=title)
    page.click("#run")
    expect(page.locator("#run")).to_be_enabled(timeout=60_000)

    expect(page.locator("#query")).to_have_value(query.strip())
    expect(page.locator("#error")).to_be_hidden()
    expect(page.locator("#result")).to_be_visible()


def test_columns_sort(page: Page) -> None:
    """A click on a header sorts, numbers by value; a second one reverses; nulls come last."""
    ask(page, "select * from (values (10, 'b'), (9, 'a'), (null, 'c')) as rows (number, name)")

    page.click("#rows th:first-child button")
    up = [row[0] for row in shown_rows(page)[1:]]
    page.click("#rows th:first-child button")
    down = [row[0] for row in shown_rows(page)[1:]]

    assert (up, down) == (["9", "10", "null"], ["10", "9", "null"])


def test_downloads_hold_the_rows(page: Page, tmp_path: Path) -> None:
    """CSV and Parquet have every row with its type: integers, fractions, booleans, lists."""
    ask(
        page,
        """
        select 12345678901234 as number, 1.5::decimal(4, 2) as fraction, true as truth,
            'a,"b' as text, date '2025-03-30' as day, ['x', 'y'] as entries, null::varchar as none
        """,
    )
    paths = {}
    for button in ("csv", "parquet"):
        with page.expect_download() as download:
            page.click(f"#{button}")
        paths[button] = tmp_path / button
        download.value.save_as(paths[button])

    assert paths["csv"].read_text() == (
        "number,fraction,truth,text,day,entries,none\n"
        '12345678901234,1.5,true,"a,""b",2025-03-30,"[""x"",""y""]",\n'
    )
    assert pl.read_parquet(paths["parquet"]).rows() == [
        (12345678901234, 1.5, True, 'a,"b', datetime.date(2025, 3, 30), '["x","y"]', None)
    ]


def test_two_columns_are_drawn(page: Page) -> None:
    """A name and a number become labelled bars; three columns do not."""
    ask(page, "select tag, spec_count from snapshots order by tag")
    expect(page.locator("#chart rect")).to_have_count(3)

    ask(page, SNAPSHOTS)
    expect(page.locator("#chart")).to_be_hidden()


def test_the_schema_is_at_hand(page: Page) -> None:
    """A view is found by one of its columns, and inserted into the query at the cursor."""
    page.fill("#schema-filter", "usable_target")
    expect(page.locator("#schema > li:visible summary code").filter(has_text="gaps")).to_have_count(
        1
    )
    page.fill("#query", "from ")
    page.click("#schema summary:has(code:text-is('gaps'))")
    page.click("#schema button[data-insert=gaps]")

    expect(page.locator("#query")).to_have_value("from gaps")
    page.fill("#schema-filter", "")


@pytest.mark.parametrize(
    "query",
    ["load icu", "from read_csv('https://example.org/x.csv')", "install httpfs; load httpfs"],
)
def test_nothing_is_loaded_from_elsewhere(browser: Browser, address: str, query: str) -> None:
    """What needs another host fails because of the policy, and the page keeps working."""
    reached: list[str] = []
    context = browser.new_context()
    context.on("requestfinished", lambda request: reached.append(request.url))
    page = context.new_page()
    page.goto(f"{address}sql.html")
    expect(page.locator("#run")).to_be_enabled(timeout=60_000)

    ask(page, query)

    expect(page.locator("#error")).to_be_visible()
    assert [url for url in reached if not url.startswith((address, "blob:", "data:"))] == []
    context.close()


def test_the_database_cannot_be_changed(page: Page) -> None:
    """A statement that writes to the database is refused."""
    ask(page, "create table harmed as select 1")

    expect(page.locator("#error")).to_contain_text("read-only")


def test_markup_stays_text(page: Page) -> None:
    """A value that looks like markup is shown verbatim."""
    ask(page, "select '<img src=x onerror=alert(1)>' as text")

    assert shown_rows(page)[1] == ["<img src=x onerror=alert(1)>"]


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_is_accessible(browser: Browser, address: str, width: int) -> None:
    """Axe reports no violations, with a result shown, and a phone scrolls in one direction only."""
    with open_page(browser, address, SNAPSHOTS, width) as opened:
        expect(opened.locator("#result")).to_be_visible(timeout=60_000)

        assert violations(opened) == []
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_the_dictionary_and_the_report_are_linked(browser: Browser, address: str) -> None:
    """The report links to the SQL page and the dictionary; axe reports no violations."""
    page = browser.new_page()
    page.goto(address)
    page.click("text=SQL")
    expect(page).to_have_url(re.compile("/sql.html$"))
    page.click("text=Dictionary")
    expect(page.locator("#snapshots h3")).to_contain_text("snapshots")
    assert violations(page) == []
    page.close()
