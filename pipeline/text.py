"""Text of others made fit to be shown: what a terminal would obey is written out."""

from __future__ import annotations

import re
from typing import TextIO

# Control characters, line ends and marks of direction of every kind, and halves of surrogates.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str, keep: str = "") -> str:
    r"""Write characters that would steer a terminal or turn the text's direction as escapes.

    >>> printable("\x1b[31mred")
    '\\x1b[31mred'
    >>> printable("two\nlines\r", keep="\n")
    'two\nlines\\r'
    """
    return UNPRINTABLE.sub(
        lambda match: match[0] if match[0] in keep else match[0].encode("unicode_escape").decode(),
        text,
    )


def counted(count: int, noun: str) -> str:
    """Write a number of things, for eyes.

    >>> counted(1, "page"), counted(57600, "page")
    ('1 page', '57,600 pages')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def natural_key(text: str) -> list[str | int]:
    """Give what sorts names as people do, the numbers in them by their size.

    >>> sorted(["gcc@13.2.0", "gcc@7.3.1"], key=natural_key)
    ['gcc@7.3.1', 'gcc@13.2.0']
    """
    # Texts and numbers take turns, so that like is compared with like.
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", text)]


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; one that the caller has closed is none."""
    return stream is not None and stream.isatty()
