"""Rejects of pages and specs: their codes, rows, and the exception for a whole page."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace

MAX_REJECTS = 1000  # listed per page; the rest are counted


class RejectCode(enum.StrEnum):
    """The kind of fault, as in column `code`."""

    UNREADABLE = "unreadable"
    NOT_UTF8 = "not-utf8"
    NO_FRONT_MATTER = "no-front-matter"
    BAD_YAML = "bad-yaml"
    LEGACY_LAYOUT = "legacy-layout"
    MISSING_KEY = "missing-key"
    WRONG_TYPE = "wrong-type"
    BAD_VALUE = "bad-value"
    BAD_CHECKSUM = "bad-checksum"
    DUPLICATE_SPEC = "duplicate-spec"
    DUPLICATE_PAGE = "duplicate-page"


@dataclass(frozen=True)
class Reject:
    """A row of table rejects."""

    page: str
    line: int
    code: RejectCode
    message: str
    tag: str | None = None
    package: str | None = None
    item: int | None = None
    hash: str | None = None
    stack: str | None = None


@dataclass
class RejectedSpecs:
    """The rejected specs of one page or index: the first thousand, and a count of the rest."""

    listed: list[Reject] = field(default_factory=list)
    more_count: int = 0

    def add(self, make_reject: Callable[[], Reject]) -> None:
        """Add a rejected spec; its row is made only if it is listed."""
        if len(self.listed) <= MAX_REJECTS:
            self.listed.append(make_reject())
        if len(self.listed) > MAX_REJECTS:
            self.more_count += 1

    def rows(self) -> list[Reject]:
        """Return the rows; beyond the limit, the last one gives the number of the other specs."""
        if not self.more_count:
            return self.listed
        last = replace(self.listed[MAX_REJECTS], message=more_message(self.more_count))
        return [*self.listed[:MAX_REJECTS], last]


def more_message(count: int) -> str:
    """Return the message of the row for all rejects of a page beyond the limit."""
    return f"expected specs, found {count} more to refuse; only the first {MAX_REJECTS} are listed"


class PageError(Exception):
    """Raised to reject a whole page; it becomes the page's row of rejects."""

    def __init__(
        self,
        code: RejectCode,
        message: str,
        line: int = 1,
        *,
        tag: str | None = None,
        package: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.tag = tag
        self.package = package

    def reject(self, page: str, tag: str | None = None, stack: str | None = None) -> Reject:
        """Return the row for `page`; `tag` and `stack` are from its path."""
        return Reject(
            page,
            self.line,
            self.code,
            self.message,
            tag=self.tag or tag,
            package=self.package,
            stack=stack,
        )


def shown(value: object, limit: int = 80) -> str:
    r"""Return a found value for a message: one line, without control characters, and short.

    Lists and mappings are described by type only: a few aliases can make them endless.

    >>> shown("a line\nand more"), shown([1, 2]), shown(None)
    ("'a line\\nand more'", 'a list of 2', 'None')
    """
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**limit:
        return f"a number of more than {limit} digits"
    text = repr(value[: 2 * limit]) if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[:limit] + "…"
