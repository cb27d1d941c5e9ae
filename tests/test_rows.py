"""Rows as text: each format to the letter, and no value that steers a terminal."""

from __future__ import annotations

import datetime
import decimal

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
 ─────────────────────────────────────────────────────────────────
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
def test_each_format_to_the_letter(output_format: str) -> None:
    """One set of rows, written in each format."""
    assert render_rows(ROWS, output_format) == GOLDEN[output_format]


def test_a_narrow_terminal_breaks_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are folded between words as far as it helps; a hash stays whole, however wide."""
    rows = Rows(("hash", "stacks"), [("abcdefgh" * 4, ["e4s", "radiuss", "hep"])])
    monkeypatch.setattr("pipeline.rows.is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "20")

    assert (
        render_rows(rows, "table")
        == """\
 hash                               stacks
 ───────────────────────────────────────────
 abcdefghabcdefghabcdefghabcdefgh   e4s,
                                    radiuss,
                                    hep
(1 row)
"""
    )


@pytest.mark.parametrize("columns", [1, 30, 35, 36, 37, 48, 60, 200])
def test_a_terminal_of_any_width_shows_all(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Not a word is lost or broken, and where words let it, no line is wider than the terminal."""
    rows = Rows(
        ("some name", "many words", "n"),
        [("x" * 12, ["e4s", "radiuss", "hep"], 3), ("one two", ["e4s"] * 9, 123456)],
    )
    monkeypatch.setattr("pipeline.rows.is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", str(columns))

    text = render_rows(rows, "table")

    words = [
        *["some", "name", "many", "words", "n", "(2", "rows)"],
        "x" * 12,
        "e4s,",
        "radiuss,",
        "hep",
        "3",
    ]
    words += ["one", "two", *["e4s,"] * 8, "e4s", "123456"]
    assert sorted(word for word in text.split() if "─" not in word) == sorted(words)
    assert max(map(len, text.splitlines())) <= max(columns, 12 + 8 + 6 + 3 * 3)


@pytest.mark.parametrize(
    ("output_format", "text"),
    [
        ("table", " a\n ─\n(0 rows)\n"),
        ("csv", "a\n"),
        ("json", "[]\n"),
        ("markdown", "| a |\n| --- |\n"),
    ],
)
def test_no_rows_are_an_answer_too(output_format: str, text: str) -> None:
    """A query that finds nothing prints its columns."""
    assert render_rows(Rows(("a",), []), output_format) == text


def test_fractions_that_json_lacks_are_null() -> None:
    """Infinity and not-a-number are no JSON."""
    rows = Rows(("a",), [(float("nan"),), ([float("inf")],)])

    assert render_rows(rows, "json") == '[{"a": null},\n {"a": [null]}]\n'
