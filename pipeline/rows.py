"""Rows as text, in each format that commands print.

`csv` and `json` are for machines and exact; `table` and `markdown` are for eyes and round
fractions to two places. None lets a value's control characters reach a terminal, or its markup
work.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import math
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.text import UNPRINTABLE, is_terminal, printable

MARKDOWN_MARKUP = re.compile(r"([\\`*\[\]<>|~])")
NUMBER = int | float | decimal.Decimal
COLUMN_GAP = 3  # characters between a table's columns
WIDEST = 1_000_000  # columns; what goes into a pipe is not folded


@dataclass(frozen=True)
class Rows:
    """The answer to a query: column names, all different, and rows of Python values."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]]


def render_rows(rows: Rows, output_format: str) -> str:
    """Write rows as `table`, `csv`, `json` or `markdown`, ending with a newline."""
    return RENDERERS[output_format](rows)


def render_table(rows: Rows) -> str:
    """Write rows as a table: as wide as a terminal, or in a pipe as wide as they are.

    No word is broken, so that a hash can be copied: where words alone are wider than the terminal,
    its lines are.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = [printable(column) for column in rows.columns]
    texts = [[cell_text(value) for value in row] for row in rows.values]
    widths = column_widths([names, *texts]) if is_terminal(sys.stdout) else [None] * len(names)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, (name, width) in enumerate(zip(names, widths, strict=True)):
        is_number = any(isinstance(row[position], NUMBER) for row in rows.values)
        is_truth = any(isinstance(row[position], bool) for row in rows.values)
        justify: Literal["left", "right"] = "right" if is_number and not is_truth else "left"
        table.add_column(Text(name), justify=justify, overflow="fold", width=width)
    for row in texts:
        table.add_row(*map(Text, row))
    text = io.StringIO()
    Console(file=text, width=WIDEST, color_system=None).print(table)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join([*(line for line in lines if line), count_text(rows)]) + "\n"


def column_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Give the widths of a table's columns that fit it into the terminal, as far as words do.

    Those with most to give way are folded first, between their words.
    """
    from rich.cells import cell_len

    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    words = [max(map(cell_len, [*" ".join(column).split(), ""])) for column in columns]
    excess = sum(widths) + COLUMN_GAP * len(columns) - shutil.get_terminal_size().columns
    for column in sorted(range(len(columns)), key=lambda column: words[column] - widths[column]):
        given = max(0, min(excess, widths[column] - words[column]))
        widths[column] -= given
        excess -= given
    return widths


def count_text(rows: Rows) -> str:
    """Say how many rows there are."""
    return f"({len(rows.values)} row{'' if len(rows.values) == 1 else 's'})"


def render_csv(rows: Rows) -> str:
    """Write rows as CSV: null empty, lists and structs as JSON.

    On a terminal control characters are written out; in a file or a pipe they are what they are.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.columns)
    for row in rows.values:
        writer.writerow(
            json_text(value) if isinstance(value, list | dict | bool) else plain(value)
            for value in row
        )
    return printable(text.getvalue(), keep="\n") if is_terminal(sys.stdout) else text.getvalue()


def render_json(rows: Rows) -> str:
    """Write rows as a JSON array of objects, one on a line."""
    lines = (json_text(dict(zip(rows.columns, row, strict=True))) for row in rows.values)
    return "[" + ",\n ".join(lines) + "]\n"


def render_markdown(rows: Rows) -> str:
    """Write rows as a Markdown table."""
    lines = [rows.columns, ["---"] * len(rows.columns)]
    cells = [[escape_markdown(cell_text(value)) for value in row] for row in rows.values]
    return "".join(f"| {' | '.join(line)} |\n" for line in [*lines, *cells])


RENDERERS = {
    "table": render_table,
    "csv": render_csv,
    "json": render_json,
    "markdown": render_markdown,
}


def cell_text(value: object) -> str:
    """Write a value for a person to read."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | decimal.Decimal):
        return f"{value:.2f}"
    if isinstance(value, list):
        return ", ".join(cell_text(entry) for entry in value)
    return printable(json_text(value) if isinstance(value, dict) else str(value))


def escape_markdown(text: str) -> str:
    """Write text so that Markdown takes none of it for markup."""
    return MARKDOWN_MARKUP.sub(r"\\\1", text)


def json_text(value: object) -> str:
    """Write a value as JSON; what JSON lacks becomes text."""
    text = json.dumps(finite(value), default=plain, ensure_ascii=False, allow_nan=False)
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def finite(value: object) -> object:
    """Give a value with null for the fractions that JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): finite(entry) for key, entry in value.items()}
    return value


def plain(value: object) -> object:
    """Give a value as one that CSV and JSON have: numbers stay numbers, all else is text."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value if isinstance(value, int | float | str | None) else str(value)
