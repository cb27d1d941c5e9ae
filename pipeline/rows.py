"""Render rows as text in the formats that commands print.

`csv` and `json` are exact, for programs. `table` and `markdown` are for people and round fractions
to two places. Values and column names can neither control a terminal nor act as markup.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pipeline.text import UNPRINTABLE, counted, printable

MARKDOWN_MARKUP = re.compile(r"([\\`*\[\]<>|~])")
NUMBER = int | float | decimal.Decimal
GAP = "   "  # between a table's columns


@dataclass(frozen=True)
class Rows:
    """The result of a query: unique column names, and rows of Python values."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]]


def render_rows(rows: Rows, output_format: str, width: int | None = None) -> str:
    """Return rows as `table`, `csv`, `json` or `markdown`, ending with a newline.

    `width` is that of the terminal, in characters; None for a file or a pipe.
    """
    match output_format:
        case "table":
            return render_table(rows, width)
        case "csv":
            text = render_csv(rows)
            return text if width is None else printable(text, keep="\n")
        case "json":
            return render_json(rows)
        case "markdown":
            return render_markdown(rows)
    raise ValueError(output_format)


def render_table(rows: Rows, width: int | None = None) -> str:
    """Return rows as a table, folded to `width` between words.

    Words are never broken, so that hashes can be copied; a table with long words may therefore be
    wider than `width`.
    """
    header = [printable(column) for column in rows.columns]
    cells = [[cell_text(value) for value in row] for row in rows.values]
    widths = column_widths([header, *cells], width)
    numeric = [is_numeric(row[column] for row in rows.values) for column in range(len(header))]
    lines = [
        line
        for row in (header, ["-" * width for width in widths], *cells)
        for line in table_lines(row, widths, numeric)
    ]
    return "\n".join([*lines, f"({counted(len(cells), 'row')})\n"])


def is_numeric(values: Iterable[object]) -> bool:
    """Return whether a column has only numbers, which are right-aligned."""
    return any(isinstance(value, NUMBER) and not isinstance(value, bool) for value in values)


def column_widths(rows: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the width of each column; if `width` is too small, those with the most slack shrink.

    A column's slack is its width beyond its longest word.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(display_width, column)) for column in columns]
    if width is None or sum(widths) + len(GAP) * len(widths) <= width:
        return widths
    words = [max(map(display_width, [*" ".join(column).split(), ""])) for column in columns]
    excess = sum(widths) + len(GAP) * len(widths) - width
    for column in sorted(range(len(columns)), key=lambda column: words[column] - widths[column]):
        given = max(0, min(excess, widths[column] - words[column]))
        widths[column] -= given
        excess -= given
    return widths


def table_lines(
    row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]
) -> Iterator[str]:
    """Yield the lines of a table's row, several if a cell is folded."""
    folded = [fold(text, width) for text, width in zip(row, widths, strict=True)]
    for texts in zip_longest(*folded, fillvalue=""):
        yield f" {GAP.join(map(pad, texts, widths, numeric))}".rstrip()


def pad(text: str, width: int, is_right: bool) -> str:
    """Return text padded to a column's width, right- or left-aligned."""
    padding = " " * (width - display_width(text))
    return padding + text if is_right else text + padding


def fold(text: str, width: int) -> list[str]:
    """Return the lines of a text folded to `width` between words.

    >>> fold("e4s, radiuss, hep", 13)
    ['e4s, radiuss,', 'hep']
    """
    if display_width(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split():
        if lines and display_width(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def display_width(text: str) -> int:
    """Return the width of a text in terminal columns.

    >>> display_width("zlib"), display_width("猫"), display_width("e\u0301")
    (4, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
        if not unicodedata.combining(character)
    )


def render_csv(rows: Rows) -> str:
    """Return rows as CSV: null as empty, lists and structs as JSON, everything else verbatim.

    That includes control characters, and the signs that make a spreadsheet evaluate a cell (`=`,
    `+`, `-`, `@`): a changed value would be a wrong one.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.columns)
    for row in rows.values:
        writer.writerow(
            json_text(value) if isinstance(value, list | dict | bool) else plain(value)
            for value in row
        )
    return text.getvalue()


def render_json(rows: Rows) -> str:
    """Return rows as a JSON array of objects, one per line."""
    lines = (json_text(dict(zip(rows.columns, row, strict=True))) for row in rows.values)
    return "[" + ",\n ".join(lines) + "]\n"


def render_markdown(rows: Rows) -> str:
    """Return rows as a Markdown table."""
    header = [escape_markdown(printable(column)) for column in rows.columns]
    cells = [[escape_markdown(cell_text(value)) for value in row] for row in rows.values]
    lines = [header, ["---"] * len(header), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell_text(value: object) -> str:
    """Return a value as text for people."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float() | decimal.Decimal():
            return f"{value:.2f}"
        case list() if not any(isinstance(entry, list) for entry in value):
            return ", ".join(map(cell_text, value))
        case list() | dict():
            return printable(json_text(value))
    return printable(str(value))


def escape_markdown(text: str) -> str:
    """Return text with Markdown markup escaped."""
    return MARKDOWN_MARKUP.sub(r"\\\1", text)


def json_text(value: object) -> str:
    """Return a value as JSON; NaN and infinity become null, dates and other types strings."""
    try:
        text = json.dumps(value, default=plain, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):  # a key that is not a string; NaN or infinity
        text = json.dumps(json_value(value), default=plain, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_value(value: object) -> object:
    """Return a value with string keys, and with null for numbers that are not finite."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [json_value(entry) for entry in value]
        case dict():
            return {str(key): json_value(entry) for key, entry in value.items()}
    return value


def plain(value: object) -> object:
    """Return a value as a number or string, for CSV and JSON."""
    match value:
        case decimal.Decimal():
            return float(value)
        case datetime.date() | datetime.time():
            return value.isoformat()
        case int() | float() | str() | None:
            return value
    return str(value)
