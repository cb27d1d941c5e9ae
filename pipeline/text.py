"""Text for people: escaping, counts and natural order."""

from __future__ import annotations

import re
from typing import TextIO

# Control characters, line separators, bidirectional controls and lone surrogates.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str, keep: str = "") -> str:
    r"""Escape terminal control characters and bidirectional controls.

    >>> printable("\x1b[31mred")
    '\\x1b[31mred'
    >>> printable("two\nlines\r", keep="\n")
    'two\nlines\\r'
    """
    return UNPRINTABLE.sub(
        lambda match: match[0] if match[0] in keep else match[0].encode("unicode_escape").decode(),
        text,
    )


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun; the plural ends in `s` unless it is given.

    >>> counted(1, "page"), counted(57600, "page"), counted(0, "index", "indexes")
    ('1 page', '57,600 pages', '0 indexes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def natural_key(text: str) -> list[str | tuple[int, str]]:
    """Return a sort key that compares the numbers in names by value.

    >>> sorted(["gcc@13.2.0", "gcc@7.3.1"], key=natural_key)
    ['gcc@7.3.1', 'gcc@13.2.0']
    """
    # Text and numbers alternate, so like is compared with like. Numbers compare by length, then by
    # digits: Python converts at most 4,300 digits.
    parts = re.split("([0-9]+)", text)
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if index % 2 else part
        for index, part in enumerate(parts)
    ]


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; None is a stream that the caller closed."""
    return stream is not None and stream.isatty()
