"""What a page or spec can be refused for: the codes, and the exception that carries one."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class RejectCode(enum.StrEnum):
    """Why something of a page was not taken."""

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
    """One thing not taken, as a row of table rejects."""

    page: str
    line: int
    code: RejectCode
    message: str
    tag: str | None = None
    package: str | None = None
    item: int | None = None
    hash: str | None = None


class PageError(Exception):
    """A whole page is refused; raised while it is read, and kept as its one row of rejects."""

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

    def reject(self, page: str) -> Reject:
        """Give the row for `page`."""
        return Reject(page, self.line, self.code, self.message, tag=self.tag, package=self.package)


def shown(value: object, limit: int = 80) -> str:
    r"""Write a found value for a message: one line, without control characters, and short.

    Lists and mappings are named by their type alone: a few aliases can make them endless.

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
