"""Rows as text: each format exactly, with nothing that controls a terminal."""

from __future__ import annotations

import datetime
import decimal
import json

import pytest

from pipeline.rows import Rows, render_rows

ROWS = Rows(
    ("name", "count", "share", "list", "when", "ok", "nothing"),
    [
        ("a|b", 3, 1 / 3, ["x", "y"], datetime.date(2025, 3, 30), True, None),
        ("\x1b[31m<b>", 1200, decimal.Decimal("2.50"), [], None, False, None),
    ],
)

GOLDEN = {
    "table": """\
 name          count   share   list   when         ok      nothing
 -----------   -----   -----   ----   ----------   -----   -------
 a|b               3    0.33   x, y   2025-03-30   true
 \\x1b[31m<b>    1200    2.50                       false
(2 rows)
""",
    "csv": """\
name,count,share,list,when,ok,nothing
a|b,3,0.3333333333333333,"[""x"", ""y""]",2025-03-30,true,
\x1b[31m<b>,1200,2.5,[],,false,
""",
    "json": """\
[{"name": "a|b", "count": 3, "share": 0.3333333333333333, "list": ["x", "y"], \
"when": "2025-03-30", "ok": true, "nothing": null},
 {"name": "\\u001b[31m<b>", "count": 1200, "share": 2.5, "list": [], "when": null, \
"ok": false, "nothing": null}]
""",
    "markdown": """\
| name | count | share | list | when | ok | nothing |
| --- | --- | --- | --- | --- | --- | --- |
| a\\|b | 3 | 0.33 | x, y | 2025-03-30 | true |  |
| \\\\x1b\\[31m\\<b\\> | 1200 | 2.50 |  |  | false |  |
""",
}


@pytest.mark.parametrize("output_format", GOLDEN)
def test_each_format_is_exact(output_format: str) -> None:
    """The same rows, rendered in each format."""
    assert render_rows(ROWS, output_format) == GOLDEN[output_format]


def test_a_narrow_terminal_breaks_no_word() -> None:
    """Text is folded between words if that helps; a hash is never broken."""
    rows = Rows(("hash", "stacks"), [("abcdefgh" * 4, ["e4s", "radiuss", "hep"])])

    assert (
        render_rows(rows, "table", width=20)
        == """\
 hash                               stacks
 --------------------------------   --------
 abcdefghabcdefghabcdefghabcdefgh   e4s,
                                    radiuss,
                                    hep
(1 row)
"""
    )


@pytest.mark.parametrize("columns", [1, 30, 35, 36, 37, 48, 60, 200])
def test_a_terminal_of_any_width_shows_all(columns: int) -> None:
    """No word is lost or broken, and lines fit the terminal if words allow it."""
    rows = Rows(
        ("some name", "many words", "n"),
        [("x" * 12, ["e4s", "radiuss", "hep"], 3), ("one two", ["e4s"] * 9, 123456)],
    )

    text = render_rows(rows, "table", columns)

    words = [
        *["some", "name", "many", "words", "n", "(2", "rows)"],
        "x" * 12,
        "e4s,",
        "radiuss,",
        "hep",
        "3",
    ]
    words += ["one", "two", *["e4s,"] * 8, "e4s", "123456"]
    assert sorted(word for word in text.split() if "--" not in word and word != "-") == sorted(
        words
    )
    assert max(map(len, text.splitlines())) <= max(columns, 12 + 8 + 6 + 3 * 3)


@pytest.mark.parametrize(
    ("output_format", "text"),
    [
        ("table", " a\n -\n(0 rows)\n"),
        ("csv", "a\n"),
        ("json", "[]\n"),
        ("markdown", "| a |\n| --- |\n"),
    ],
)
def test_no_rows_are_a_result_too(output_format: str, text: str) -> None:
    """A query without rows prints its columns."""
    assert render_rows(Rows(("a",), []), output_format) == text


@pytest.mark.parametrize("output_format", GOLDEN)
def test_a_column_name_is_text_too(output_format: str) -> None:
    """On a terminal, no column name (a `pivot` makes them from values) controls it or is markup."""
    text = render_rows(Rows(("a|<b>\x1b[2J",), [(1,)]), output_format, width=80)

    assert "\x1b" not in text
    if output_format == "markdown":
        assert text == "| a\\|\\<b\\>\\\\x1b\\[2J |\n| --- |\n| 1 |\n"


def test_csv_on_a_terminal_escapes_and_in_a_pipe_is_exact() -> None:
    """Control characters are escaped only on a terminal; formula-like cells stay exact."""
    rows = Rows(("a",), [("\x1b[2J",), ("=1+1",), ("+shared",)])

    assert render_rows(rows, "csv") == "a\n\x1b[2J\n=1+1\n+shared\n"
    assert render_rows(rows, "csv", width=80) == "a\n\\x1b[2J\n=1+1\n+shared\n"


def test_wide_characters_keep_columns_aligned() -> None:
    """Characters of width two, or zero, are counted as such."""
    rows = Rows(("a", "b"), [("猫", 1), ("e\u0301", 2)])

    assert render_rows(rows, "table").splitlines()[2:4] == [" 猫   1", " e\u0301    2"]


@pytest.mark.parametrize("output_format", GOLDEN)
def test_nested_lists_are_printed_at_any_depth_of_duckdb(output_format: str) -> None:
    """DuckDB nests up to about 900 levels; each format has them."""
    value: list[object] = [1]
    for _ in range(900):
        value = [value]

    assert render_rows(Rows(("a",), [(value,)]), output_format).count("]") >= 900


def test_maps_and_large_numbers_are_json() -> None:
    """Keys become strings, and integers of any size stay integers."""
    rows = Rows(("a", "b"), [({datetime.date(2025, 3, 30): 1}, 2**100)])

    assert json.loads(render_rows(rows, "json")) == [{"a": {"2025-03-30": 1}, "b": 2**100}]


def test_fractions_that_json_lacks_are_null() -> None:
    """JSON has no infinity and no NaN."""
    rows = Rows(("a",), [(float("nan"),), ([float("inf")],)])

    assert render_rows(rows, "json") == '[{"a": null},\n {"a": [null]}]\n'
