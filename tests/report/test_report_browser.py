"""The report in a real browser, with mouse, keyboard and screen-reader checks."""

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
from tests.sources.mirror.indexes import SNAPSHOT, edge, index, node, write_layout_2
from tests.writing import make_hash, make_spec, site_page, write_pages

pytestmark = pytest.mark.slow

# With the column of view matrix_cells that each shows.
MODES = {"exact": "exact", "same-os": "compatible", "compatible": "reusable"}
MARKUP = '</script><script>window.harmed = true</script><img src=x onerror="window.harmed = true">'
LONG = "long-" + 195 * "x"
UNICODE = "naïve'\"“ß” 猫"
OTHER = "v1.0.0"
# Click each cell; return those whose list differs in length from their count.
WRONG_CELLS = """async () => {
    const turn = (act) => new Promise((done) => {
        addEventListener("hashchange", () => setTimeout(done), { once: true });
        act();
    });
    const wrong = [];
    for (const link of document.querySelectorAll("#matrix-tables td a")) {
        await turn(() => link.click());
        const names = (query) =>
            [...document.querySelectorAll(query)].map((one) => one.textContent);
        const there = names("#panel-body > .names a");
        const missing = names("#panel-body .missing-names a");
        const count = link.textContent === "–" ? "0" : link.textContent.split("/")[0];
        const all = snapshot.package_count;
        if (count !== there.length.toLocaleString("en-US")
            || there.length + missing.length !== all
            || new Set([...there, ...missing]).size !== all) wrong.push(link.textContent);
        await turn(() => document.getElementById("panel-close").click());
    }
    return wrong;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser: Browser, sample: Path) -> Iterator[Page]:
    """Return the report of the sample; tests leave its panel closed."""
    with open_report(browser, sample) as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return outputs of three kinds of snapshots, with compatible cells and hostile text."""
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


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return outputs of two weeks, of which the second has a page that can't be read."""
    folder = tmp_path_factory.mktemp("refused")
    pages: dict[str, str | bytes] = {
        f"_cache/{tag}/{package}/specs.md": site_page(package, tag, [make_spec(number)])
        for number, package in enumerate(("zlib", "broken", "gone"))
        for tag in (WEEK_1, WEEK_2)
        if (tag, package) != (WEEK_2, "gone")
    }
    pages[f"_cache/{WEEK_2}/broken/specs.md"] = "---\ntitle: [\n"
    for command in (["flatten", write_pages(folder / "in", pages)], ["build"], ["report"]):
        assert run_command(*command, "--out", folder / "out").returncode == 0
    return folder / "out"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return outputs of more packages than the page shows at first, in 13 environments."""
    folder = tmp_path_factory.mktemp("many")
    targets = ("x86_64_v3", "zen4", "icelake", "skylake", "haswell", "broadwell", "zen3", "zen2",
               "cascadelake", "sapphirerapids", "x86_64_v4", "x86_64_v2", "x86_64")  # fmt: skip
    pages: dict[str, str | bytes] = {
        f"{WEEK_1}/package-{number}/specs.md": site_page(
            f"package-{number}",
            WEEK_1,
            [make_spec(20 * number + place, target=target) for place, target in enumerate(targets)],
        )
        for number in range(120)
    }
    for command in (["flatten", write_pages(folder / "in", pages)], ["build"], ["report"]):
        assert run_command(*command, "--out", folder / "out").returncode == 0
    return folder / "out"


def choose(page: Page, tag: str, mode: str = "exact") -> None:
    """Select a snapshot and what to count."""
    page.select_option("#snapshot", tag)
    page.check(f"input[value={mode}]")
    expect(page.locator("#package-table caption")).to_contain_text(f"of {tag} in")
    expect(page.locator("#matrices caption").first).to_contain_text(
        f"{mode.replace('-os', ' OS')}: packages of {tag}"
    )


def close(page: Page) -> None:
    """Close the panel."""
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).not_to_be_visible()


def test_a_click_on_a_cell_lists_its_packages(page: Page, sample: Path) -> None:
    """The list has the cell, its share, and the packages; Escape returns from a package."""
    choose(page, WEEK_3)
    matrix = page.get_by_role("table").filter(has_text="Operating system × target, exact")
    row = matrix.get_by_role("row").filter(has_text="ubuntu22.04")
    row.get_by_role("link", name="5/6").first.click()

    panel = page.get_by_role("dialog", name="ubuntu22.04 × x86_64_v3")
    expect(panel).to_contain_text("5 of 6 packages (83.3 %)")
    names = panel.locator("#panel-body > .names a").all_text_contents()
    with open_warehouse(sample) as connection:
        built = run_query(
            connection,
            "select distinct package from specs "
            "where tag = ? and os = 'ubuntu22.04' and target = 'x86_64_v3' order by package",
            [WEEK_3],
        ).values
    assert [(name,) for name in names] == built
    expect(panel.locator("summary")).to_have_text("1 package not there")
    panel.get_by_role("link", name="adiak").click()
    package = page.get_by_role("dialog", name="adiak")
    expect(package).to_contain_text("over the snapshots")

    page.keyboard.press("Escape")

    expect(panel.locator("#panel-body > .names a")).to_have_text(names)
    close(page)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tag", [WEEK_1, WEEK_2, WEEK_3])
def test_every_cell_lists_as_many_packages_as_it_counts(page: Page, tag: str, mode: str) -> None:
    """The page's lists and the views' counts agree."""
    choose(page, tag, mode)
    assert page.evaluate(WRONG_CELLS) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tag", [WEEK_1, WEEK_3])
def test_the_matrices_are_what_the_view_says(page: Page, sample: Path, tag: str, mode: str) -> None:
    """All cells and totals of the three matrices, for an old snapshot and the newest."""
    choose(page, tag, mode)
    name = MODES[mode]
    shown = page.locator("#matrix-tables td.share").all_text_contents()
    with open_warehouse(sample) as connection:
        rows = run_query(
            connection,
            f"select {name}_package_count, snapshot_package_count, {name}_pct from matrix_cells, "
            "(values ('os', 'target'), ('compiler', 'os'), ('compiler', 'target')) "
            "as names(one, two) "
            f"where tag = ? and {name}_package_count > 0 "
            "and (compiler is null or 'compiler' in (one, two)) "
            "and (os is null or 'os' in (one, two)) and (target is null or 'target' in (one, two))",
            [tag],
        ).values
    assert sorted(shown) == sorted(f"{count}/{all_} {pct:.1f} %" for count, all_, pct in rows)


def test_a_cell_is_opened_and_left_by_keyboard(page: Page) -> None:
    """Enter opens the list, Escape closes it, and the cell gets the focus back."""
    choose(page, WEEK_3)
    cell = page.locator("#matrix-tables td a").first
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_be_visible()
    close(page)
    expect(cell).to_be_focused()


def test_search_and_filter_choose_packages(page: Page) -> None:
    """The search matches part of the name, in any case; the caption has the number left."""
    choose(page, WEEK_3)
    names = page.locator("#package-table tbody th")
    every = names.all_text_contents()
    page.get_by_label("Search").fill(" NCC")
    expect(names).to_have_text(["nccl"])
    expect(page.locator("#package-table caption")).to_contain_text("1 of 6 packages")
    page.get_by_label("Search").fill("<b>nothing")
    expect(names).to_have_count(0)
    page.get_by_label("Search").fill("")
    expect(names).to_have_text(every)
    page.locator("#package-filter").select_option("lagging")
    expect(page.locator("#package-filter")).to_have_value("lagging")
    assert names.count() == page.locator("#package-table tr:has(.lags)").count()
    page.locator("#package-filter").select_option("all")


def test_a_column_sorts_both_ways(page: Page) -> None:
    """The header shows the order; the first click on numbers sorts the largest first."""
    choose(page, WEEK_3)
    head = page.locator("#package-table thead th", has_text="covered")
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
    """Each cell of packages × environments has a mark and a word, as in view gaps."""
    out = made if tag in ("develop", OTHER) else sample
    with open_warehouse(out) as connection:
        expected = run_query(
            connection,
            """
            with states as (
                select tag, package, platform, os, target,
                    case os_match
                        when 'same os' then '≈compatible' || reusable_target
                        when 'older libc'
                            then '≈compatible' || reusable_os || chr(10) || reusable_target
                        else '–missing'
                    end as state
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
    # Versions are newest first in the page, sorted as text here.
    assert sorted(map(unordered, shown)) == sorted(map(unordered, expected))


def unordered(row: tuple[str, list[str]]) -> tuple[str, list[list[str]]]:
    """Return a row with each cell's words sorted."""
    return row[0], [
        sorted(re.findall(r"[^\s,✓]+", state.replace("exact", "exact "))) for state in row[1]
    ]


COUNT_CHANGES = (
    "select change, count(*) from snapshot_changes where tag = ? group by all order by 1"
)


def test_an_older_snapshot_shows_its_own_changes(page: Page, sample: Path) -> None:
    """Everything follows the selected snapshot, even the overview; losses come first."""
    choose(page, WEEK_2)
    assert set(page.locator(".of-snapshot").all_text_contents()) == {WEEK_2}
    caption = page.locator(".change-caption")
    expect(caption).to_contain_text(f"{WEEK_2} since {WEEK_1}, lost")
    with open_warehouse(sample) as connection:
        counts = dict(run_query(connection, COUNT_CHANGES, [WEEK_2]).values)
    groups = page.locator(".change-group")
    assert groups.first.get_attribute("data-change") == "lost"
    shown = page.locator("#changed dd").all_text_contents()
    assert sorted(map(int, shown)) == sorted(counts.values())

    page.locator("#change-filter").select_option("rebuilt")

    expect(groups).to_have_count(1)
    assert groups.locator("tbody tr").count() == counts["rebuilt"]
    page.locator("#change-filter").select_option("")


def test_a_count_of_changes_opens_just_those(page: Page) -> None:
    """They are those of the selected snapshot."""
    choose(page, WEEK_2)
    expect(page.locator("#changed")).to_contain_text(f"{WEEK_2} since {WEEK_1}")
    link = page.locator("#changed [data-change=lost]")

    link.click()

    expect(page.locator("#change-filter")).to_have_value("lost")
    expect(page.locator(".change-caption")).to_contain_text(f"{link.text_content()} changed cells")
    page.locator("#change-filter").select_option("")


@pytest.mark.parametrize("from_tag", [WEEK_1, WEEK_2, WEEK_3])
@pytest.mark.parametrize("to_tag", [WEEK_1, WEEK_2, WEEK_3])
def test_any_two_snapshots_are_compared_as_the_macro_does(
    page: Page, sample: Path, from_tag: str, to_tag: str
) -> None:
    """The page's rows are those of compare_snapshots: cell, change, cause and counts."""
    found = page.evaluate(
        "async ([from, to]) => compareSnapshots(await loadSnapshot(from), await loadSnapshot(to))",
        [from_tag, to_tag],
    )
    columns = (
        "package, platform, os, target, change, cause, previous_spec_count, spec_count, "
        "changed_stacks"
    )
    with open_warehouse(sample) as connection:
        query = f"select {columns} from compare_snapshots(?, ?)"
        expected = run_query(connection, query, [from_tag, to_tag]).values
    rows = [tuple(row[name] for name in columns.split(", ")) for row in found]
    assert sorted(rows, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("from_tag", [WEEK_1, WEEK_3])
@pytest.mark.parametrize("to_tag", [WEEK_1, WEEK_2, WEEK_3])
def test_the_membership_of_any_two_snapshots_is_what_the_macro_says(
    page: Page, sample: Path, from_tag: str, to_tag: str
) -> None:
    """Stacks, environments and packages that only one of them has, each with its counts."""
    found = page.evaluate(
        """async ([from, to]) => {
            const [before, after] = [await loadSnapshot(from), await loadSnapshot(to)];
            return compareMembership(before, after, compareSnapshots(before, after));
        }""",
        [from_tag, to_tag],
    )
    columns = (
        "change, member_kind, member, package_count, cell_count, spec_count, changed_cell_count"
    )
    with open_warehouse(sample) as connection:
        query = f"select {columns} from compare_membership(?, ?)"
        expected = run_query(connection, query, [from_tag, to_tag]).values
    rows = [tuple(row[name] for name in columns.split(", ")) for row in found]
    assert sorted(rows) == sorted(expected)


def test_what_could_not_be_read_is_neither_lost_nor_out_of_the_denominator(
    browser: Browser, refused: Path
) -> None:
    """The page says so of its package, in changes and matrices, whatever is compared."""
    with open_report(browser, refused) as page:
        changed = page.locator("#changed")
        expect(changed.locator(".membership li")).to_have_text(
            ["lost 1 package: gone", "unreadable 1 package: broken"]
        )
        expect(changed).to_contain_text("lost, package dropped: 1; lost, unreadable: 1.")
        expect(page.locator("#matrix-tables td.share").first).to_have_text("1/2 50.0 %")
        page.locator("#matrix-tables td a").first.click()
        expect(page.locator("#panel-body")).to_contain_text("1 package could not be read.")
        close(page)
        found = page.evaluate(
            """async ([from, to]) => {
                const [before, after] = [await loadSnapshot(from), await loadSnapshot(to)];
                const rows = compareSnapshots(before, after);
                return [rows.map((row) => [row.package, row.cause]),
                    compareMembership(before, after, rows).map((row) => [row.member, row.change])];
            }""",
            [WEEK_1, WEEK_2],
        )
    assert [sorted(rows) for rows in found] == [
        [["broken", "unreadable"], ["gone", "package dropped"]],
        [["broken", "unreadable"], ["gone", "lost"]],
    ]


def test_the_overview_names_first_the_stacks_that_went(page: Page) -> None:
    """Stacks and environments stand before the cells, in the overview and among the changes."""
    choose(page, WEEK_3)
    for place in ("#changed", "#change-table"):
        items = page.locator(f"{place} .membership li").all_text_contents()
        assert items[0] == "lost stack ml-linux-aarch64-cpu, with 2 of its 2 cells"
        assert items[-1] == "lost 4 packages: swig, alsa-lib, ccache, asio"


def test_another_snapshot_to_compare_with_is_chosen(page: Page) -> None:
    """The choice replaces the previous snapshot and is part of the URL."""
    choose(page, WEEK_3)

    page.locator("#change-from").select_option(WEEK_1)

    expect(page.locator(".change-caption")).to_contain_text(f"{WEEK_3} since {WEEK_1}")
    assert f"from={WEEK_1}" in page.url
    page.locator("#change-from").select_option("")


def test_snapshots_of_two_lines_differ_without_a_loss(browser: Browser, made: Path) -> None:
    """Neither follows the other, so the words say which of them has what."""
    with open_report(browser, made, anchor=f"#snapshot={OTHER}&from={WEEK_2}") as page:
        for place in ("#changed", "#change-table"):
            items = page.locator(f"{place} .membership li")
            expect(items).to_have_text([f"1 package not in {OTHER}: gone"])
        expect(page.locator(".change-caption")).to_contain_text("the two are of different lines")
        expect(page.locator(".change-group summary")).to_have_text(
            f"✕not in {OTHER}, whole package: 1 cell (1 package in 1 environment)"
        )


def usable_packages(out: Path, tag: str, os: str, target: str) -> dict[str, str]:
    """Return for each package that runs on a host how its best spec matches."""
    with open_warehouse(out) as connection:
        rows = run_query(
            connection,
            """
            select package, min(case
                when os_match = 'older libc' then '3 older libc'
                when target_match = 'exact' then '1 exact'
                else '2 same os'
            end)
            from usable_on_any_os(?, ?, ?)
            group by all
            """,
            [tag, os, target],
        ).values
    return {package: match[2:] for package, match in rows}


@pytest.mark.parametrize(
    ("os", "target"),
    [
        ("ubuntu22.04", "x86_64_v3"),
        ("ubuntu22.04", "zen4"),
        ("rocky9", "zen4"),
        ("debian13", "neoverse_v2"),
        ("amzn2", "skylake_avx512"),
        ("ubuntu24.04", "power9le"),
    ],
)
def test_my_machine_is_what_the_macro_says(page: Page, sample: Path, os: str, target: str) -> None:
    """How many packages run on a host, and how, agrees with usable_on_any_os."""
    choose(page, WEEK_1)
    page.get_by_role("combobox", name="Operating system").fill(os)
    page.get_by_role("combobox", name="CPU target").fill(target)
    page.keyboard.press("Tab")
    expected = usable_packages(sample, WEEK_1, os, target)

    expect(page.locator("#machine-count")).to_contain_text(f"{len(expected)} of 14 packages (")

    rows = page.locator("#machine-result tbody tr").all()
    shown = [row.locator("th, td").all_text_contents()[:2] for row in rows]
    found = {name: match[1:] for name, match in shown if match != "–missing"}
    words = {"older libc": "older C library", "same os": "same OS"}
    assert found == {name: words.get(match, match) for name, match in expected.items()}
    assert f"os={os}&target={target}" in page.url


def test_the_address_holds_what_is_chosen(browser: Browser, sample: Path) -> None:
    """A link restores the selection; back and forward step through selections."""
    address = f"#snapshot={WEEK_1}&mode=compatible&search=adi&package=adiak"
    with open_report(browser, sample, anchor=address) as page:
        expect(page.get_by_role("dialog", name="adiak")).to_contain_text(f"{WEEK_1}: newest")
        close(page)
        expect(page.locator("#matrices caption").first).to_contain_text("compatible: packages")
        expect(page.locator("#package-table tbody th")).to_have_text(["adiak"])
        page.check("input[value=exact]")
        expect(page.locator("#matrices caption").first).to_contain_text("exact: packages")

        page.go_back()

        expect(page.locator("#matrices caption").first).to_contain_text("compatible: packages")
        page.go_forward()
        expect(page.locator("#matrices caption").first).to_contain_text("exact: packages")


def test_a_link_within_the_page_keeps_the_selection(page: Page) -> None:
    """It goes to the section, with the focus; the snapshot and the mode stay."""
    choose(page, WEEK_1, "compatible")

    page.locator("#overview").get_by_role("link", name="rejected pages or specs").click()

    expect(page.locator("#rejects")).to_be_focused()
    expect(page.locator("#matrices caption").first).to_contain_text(f"packages of {WEEK_1}")
    address = page.evaluate("location.hash")
    assert address.startswith(f"#snapshot={WEEK_1}&mode=compatible&section=rejects")


@pytest.mark.parametrize("width", [1400, 700, 400])
def test_a_section_is_not_hidden_behind_the_header(
    browser: Browser, sample: Path, width: int
) -> None:
    """However many lines the header has, a link shows the heading of its section below."""
    with open_report(browser, sample, width) as page:
        page.get_by_role("navigation").get_by_role("link", name="Changes").click()
        expect(page.locator("#changes")).to_be_focused()
        page.wait_for_function("scrollY > 0")
        top, bottom = page.evaluate(
            """["#changes h2", "header"].map((name) => document.querySelector(name))
                .map((one, place) => one.getBoundingClientRect()[place ? "bottom" : "top"])"""
        )
        assert max(bottom, 0) < top < 900


@pytest.mark.parametrize("place", ["#package-table", "#machine-result", "#gaps", "#change-table"])
def test_each_package_has_a_link(browser: Browser, sample: Path, place: str) -> None:
    """Opened elsewhere, it shows the package in the snapshot of its table."""
    host = "#os=ubuntu22.04&target=zen4"
    with open_report(browser, sample, anchor=host) as page:
        link = page.locator(f"{place} .package").first
        name, address = link.text_content(), link.get_attribute("href")
    assert name
    assert address
    with open_report(browser, sample, anchor=address) as page:
        expect(page.get_by_role("dialog", name=name)).to_contain_text(f"{WEEK_3}")


def test_builds_are_filtered_by_the_address(browser: Browser, sample: Path) -> None:
    """Filters of a package's builds can be linked and undone, and go with the package."""
    with open_report(browser, sample, anchor=f"#snapshot={WEEK_1}&package=adiak") as page:
        rows = page.locator("#panel .cards-when-narrow tbody tr")
        count = rows.count()
        page.locator("#build-compiler").select_option("gcc@11.4.0")
        expect(rows).to_have_count(4)
        page.locator("#build-target").select_option("neoverse_v2")
        expect(rows).to_have_count(1)
        filtered = page.evaluate("location.hash")

        page.go_back()
        expect(rows).to_have_count(4)
        page.go_back()
        expect(rows).to_have_count(count)
        link = rows.last.get_by_role("link", name="Link to build")
        address = link.get_attribute("href")
        hash_ = rows.last.locator("code").first.text_content()
        close(page)
        assert "build-" not in page.evaluate("location.hash")
    assert address
    assert hash_
    for anchor in (filtered, address):
        with open_report(browser, sample, anchor=anchor) as page:
            expect(page.locator("#panel .cards-when-narrow tbody tr")).to_have_count(1)
    assert address.endswith(f"build-hash={hash_[:7]}")


@pytest.mark.parametrize(
    "chosen", ["build-os=none-has-it", "build-variant=~shared", "build-hash=no"]
)
def test_a_filter_that_no_build_has_shows_all(browser: Browser, sample: Path, chosen: str) -> None:
    """A filter may stay from another snapshot: without the value, it could not be undone."""
    anchor = f"#snapshot={WEEK_1}&package=adiak"
    with open_report(browser, sample, anchor=anchor) as page:
        count = page.locator("#panel .cards-when-narrow tbody tr").count()
    with open_report(browser, sample, anchor=f"{anchor}&{chosen}") as page:
        expect(page.locator("#panel .cards-when-narrow tbody tr")).to_have_count(count)
        for select in page.locator("#panel .controls select").all():
            expect(select).to_have_value("")
    assert count > 1


def test_the_keyboard_stays_where_it_is(page: Page) -> None:
    """A choice or a sorted column that draws a part anew keeps the focus."""
    choose(page, WEEK_3)
    filter_ = page.locator("#change-filter")
    filter_.focus()
    page.keyboard.press("l")  # lost
    expect(page.locator(".change-group")).not_to_have_count(0)
    expect(page).to_have_url(re.compile("change=lost"))
    expect(filter_).to_be_focused()
    head = page.locator("#matrix-tables").get_by_role("button", name="any target").first
    head.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#matrix-tables th[aria-sort]")).to_have_count(1)
    expect(head).to_be_focused()
    page.keyboard.press("Enter")
    filter_.select_option("")


@pytest.mark.parametrize("width", [1400, 400])
def test_every_caption_can_be_read(browser: Browser, sample: Path, width: int) -> None:
    """No caption is wider than the box that its table scrolls in."""
    with open_report(browser, sample, width) as page:
        page.locator("summary").first.click()
        wide = page.evaluate(
            """[...document.querySelectorAll(".scroll")].filter((box) =>
                box.querySelector("caption").clientWidth > box.clientWidth)
                .map((box) => box.getAttribute("aria-label"))"""
        )
    assert wide == []


def test_an_outdated_link_opens_the_page(browser: Browser, sample: Path) -> None:
    """Unknown values in a link fall back to the default; an unknown package is reported."""
    anchor = "#snapshot=x&from=x&mode=x&show=x&targets=x&order=x&change=x&filter=x&cell=x&package=x"
    with open_report(browser, sample, anchor=anchor) as page:
        expect(page.get_by_role("dialog", name="x")).to_contain_text("No snapshot has it.")
        expect(page.locator("#matrices caption").first).to_contain_text(f"packages of {WEEK_3}")


def test_a_matrix_is_sorted_filtered_and_rolled_up(page: Page, sample: Path) -> None:
    """A heading sorts by its column; families group targets, each package counted once."""
    choose(page, WEEK_1)
    matrix = page.get_by_role("table").filter(has_text="Operating system × target, exact")
    matrix.get_by_role("button", name="any target").click()
    expect(matrix.locator("th[aria-sort]")).to_have_count(1)
    totals = matrix.locator("tbody td.total").all_text_contents()
    counts = [int(text.split("/")[0]) for text in totals]
    assert counts == sorted(counts, reverse=True)
    matrix.get_by_role("button", name="any os").click()
    expect(matrix.locator("th[aria-sort]")).to_have_count(2)
    totals = matrix.locator("tfoot td:not(:last-child)").all_text_contents()
    counts = [int(text.split("/")[0]) for text in totals]
    assert counts == sorted(counts, reverse=True)
    shown = matrix.locator("tbody td").all_text_contents()
    sorted_at = page.url
    page.go_back()
    expect(matrix.locator("th[aria-sort]")).to_have_count(1)
    page.goto(sorted_at)
    expect(matrix.locator("th[aria-sort]")).to_have_count(2)
    assert matrix.locator("tbody td").all_text_contents() == shown
    matrix.get_by_role("button", name="any os").click()

    page.locator("#matrix-targets").select_option("family")

    expect(matrix.locator("thead th")).to_have_text(["os", "aarch64:", "x86_64:", "any target"])
    with open_warehouse(sample) as connection:
        expected = run_query(
            connection,
            "select family, count(distinct package) from specs "
            "inner join targets on host_target = target and binary_target = target "
            "where tag = ? group by all order by all",
            [WEEK_1],
        ).values
    bottom = matrix.locator("tfoot td").all_text_contents()
    assert [int(text.split("/")[0]) for text in bottom[:-1]] == [count for _, count in expected]
    page.locator("#matrix-targets").select_option("each")
    page.locator("#matrix-show").select_option("specs")
    expect(matrix.locator("tfoot td").last).to_have_text("114/114 100.0 %")
    page.locator("#matrix-show").select_option("packages")
    page.locator("#matrix-search").fill("neoverse")
    heads = matrix.locator("thead th")
    expect(heads.nth(1)).to_contain_text("neoverse")
    names = heads.all_text_contents()
    assert [name for name in names if "neoverse" not in name] == ["os", "any target"]
    assert "&matching=neoverse" in page.url
    page.locator("#matrix-search").fill("")


def test_a_package_is_filtered_by_environment(page: Page, sample: Path) -> None:
    """`Missing in` an environment keeps those for which nothing runs there."""
    choose(page, WEEK_1)
    key = "linux-amzn2-aarch64"
    page.locator("#package-filter").select_option(f"missing {key}")
    with open_warehouse(sample) as connection:
        expected = run_query(
            connection,
            "select package from gaps where tag = ? and os_match is null "
            "and concat_ws('-', platform, os, target) = ? order by package",
            [WEEK_1, key],
        ).values
    names = page.locator("#package-table tbody th")
    expect(names).to_have_text([name for (name,) in expected])
    page.locator("#package-filter").select_option("all")


def test_a_build_can_be_installed(page: Page, sample: Path) -> None:
    """A build has a hash to copy, install commands, and its differences from others."""
    choose(page, WEEK_3)
    page.locator("#package-table").get_by_role("link", name="adiak", exact=True).click()
    panel = page.get_by_role("dialog", name="adiak")
    with open_warehouse(sample) as connection:
        hashes = run_query(
            connection,
            "select hash from specs where tag = ? and package = 'adiak' order by hash",
            [WEEK_3],
        ).values
    codes = panel.locator("tbody .copyable:first-child > code").all_text_contents()
    assert sorted(codes) == [hash_ for (hash_,) in hashes]
    panel.locator(".install summary").first.click()
    expect(panel.locator(".install").first).to_contain_text(
        f"spack mirror add {WEEK_3} https://binaries.spack.io/{WEEK_3}"
    )
    expect(panel.locator(".install").first).to_contain_text(
        f"spack install --cache-only /{codes[0]}"
    )
    close(page)


def test_what_a_spec_needs_is_a_tree(browser: Browser, tmp_path: Path) -> None:
    """Each dependency shows whether the snapshot has it, and leads to its build."""
    out, mirror = tmp_path / "out", tmp_path / SNAPSHOT / "e4s"
    nodes = (
        node("hdf5", 1, dependencies=[edge("mpich", 2), edge("glibc", 9), edge("gone", 4)]),
        node("mpich", 2, dependencies=[edge("xz", 3)]),
        node("xz", 3),
        node("gone", 4),
        node("glibc", 9, external={"path": "/usr", "module": None}),
    )
    write_layout_2(mirror, index(*nodes, mere=(4, 9)))
    for command in (["flatten", tmp_path / SNAPSHOT], ["build"], ["report"]):
        assert run_command(*command, "--out", out).returncode == 0
    with open_report(browser, out, anchor="#package=hdf5") as page:
        panel = page.locator("#panel")
        panel.locator(".install summary").click()
        panel.get_by_role("button", name="Show dependencies").click()
        branches = panel.locator("div.tree > ul > li")
        expect(branches).to_have_text(
            [
                "○glibc, external: provided by the host",
                "✕gone, not in the snapshot",
                f"✓mpich 1.2 /{make_hash(2)[:7]}",
            ]
        )
        mpich = branches.last
        mpich.locator("summary").click(position={"x": 3, "y": 3})
        expect(mpich.locator("li")).to_have_text([f"✓xz 1.2 /{make_hash(3)[:7]}"])
        mpich.get_by_role("link").first.click()
        expect(page.locator("#panel-title")).to_have_text("mpich")
        assert f"build-hash={make_hash(2)[:7]}" in page.url
        page.go_back()
        expect(page.locator("#panel-title")).to_have_text("hdf5")
        close(page)


def test_print_leaves_nothing_out(browser: Browser, many: Path) -> None:
    """Every row is printed, totals once, and every column fits on landscape A4."""
    with open_report(browser, many, width=1047) as page:
        assert page.locator("#package-table tbody tr").count() == 100
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#package-table tbody tr").count() == 120
        assert page.locator("#change-table tbody tr").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1047
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("#package-table tbody tr").count() == 100


def test_stacks_show_coverage_and_overlap(page: Page, sample: Path) -> None:
    """One row per stack, the largest first, and a matrix of shared packages."""
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
    """Markup in versions, variants and messages, unicode and long names are shown verbatim."""
    with open_report(browser, made, width=400) as page:
        choose(page, WEEK_3)
        names = page.locator("#package-table tbody th a")
        assert sorted(names.all_text_contents()) == sorted([LONG, "zlib"])
        names.filter(has_text="long-").click()
        expect(page.locator("#panel-title")).to_have_text(LONG)
        expect(page.locator("#panel-body")).to_contain_text(MARKUP)
        close(page)
        names.filter(has_text="zlib").click()
        expect(page.locator("#panel-body")).to_contain_text(f"{MARKUP} {UNICODE}")
        close(page)
        expect(page.locator("#trust")).to_contain_text("</script><script>window.harmed")
        assert page.locator("main img").count() == 0
        assert page.evaluate("window.harmed") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_package_shows_its_history(browser: Browser, made: Path) -> None:
    """One row per snapshot, newest of each kind first; snapshots without it say so."""
    with open_report(browser, made) as page:
        choose(page, WEEK_2)
        page.get_by_role("link", name="gone", exact=True).first.click()
        strips = page.get_by_role("region", name="Environments of gone").locator("tbody tr")
        expect(strips).to_have_count(1)
        expect(strips.locator("td").last).to_have_text(f"1.2 in {WEEK_2}")
        boxes = strips.locator(".box").evaluate_all("all => all.map((box) => box.title)")
        assert [title for title in boxes if "not there" not in title] == [f"{WEEK_2}: 1.2"]
        page.get_by_text("The same in numbers").click()
        rows = page.get_by_role("region", name="History of gone").locator("tbody tr")
        expect(rows).to_have_count(5)
        shown = [tuple(row.locator("th, td").all_text_contents()) for row in rows.all()]
        there = (WEEK_2, "1.2", "1/4", "0", "1")
        without = [(tag, *4 * ("–",)) for tag in (WEEK_3, "develop", OTHER, WEEK_1)]
        assert sorted(shown) == sorted([there, *without])
        close(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_axe_finds_nothing(
    browser: Browser, made: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    """The page, a cell's list and a package pass axe-core, and nothing overflows the width."""
    with open_report(browser, made, width, scheme) as page:
        for summary in page.locator("summary").all():
            summary.click()
        assert violations(page) == []
        page.locator("#matrix-tables td a").first.click()
        assert violations(page) == []
        page.locator("#panel-body > .names a").last.click()
        page.wait_for_selector("#panel-body .strips")
        for summary in page.locator("#panel-body summary").all():
            summary.click()
        assert violations(page) == []
        assert page.evaluate("document.getElementById('panel').scrollWidth") <= width
        page.locator("#panel-close").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_missing_file_of_data_is_reported(browser: Browser, sample: Path, tmp_path: Path) -> None:
    """A page copied without its folder says what is missing."""
    (tmp_path / "index.html").write_bytes((sample / "reports" / "index.html").read_bytes())
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.get_by_role("status")).to_contain_text("keep the whole folder together")
    expect(page.locator("#matrix-tables table")).to_have_count(3)
    page.close()
