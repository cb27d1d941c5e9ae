"""Errors, and the exit status of each.

One base class: the command line catches it, prints its message and exits with its status.
A message names the file or table, the problem and the remedy.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Collection
from pathlib import Path

ANOTHER_PLACE = "free some space, or name another folder with --out"
CLOSE_NAMES = 5
FEW_NAMES = 12


class ExitStatus(enum.IntEnum):
    """The exit statuses of `cache-coverage`; click itself exits with USAGE."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REJECTED = 3
    LOST = 4


class CoverageError(Exception):
    """Base class: the message says what failed, where, and what to do about it."""

    status = ExitStatus.FAILED


class SourceError(CoverageError):
    """A source cannot be found or read."""


class OutputError(CoverageError):
    """A table, database or report cannot be read or written."""


class CheckError(CoverageError):
    """A new database fails its consistency checks."""


class QueryError(CoverageError):
    """A query that DuckDB refuses, or that is not read-only."""


class WebsiteError(CoverageError):
    """The website's browser libraries are unavailable, or it can't be served."""


class FetchError(CoverageError):
    """A download failed, or its content is invalid."""


class MissingError(FetchError):
    """A URL does not exist (HTTP 404, 410)."""


class ForbiddenError(FetchError):
    """A URL may not be read (HTTP 401, 403); S3 answers 403 also for one that does not exist."""


class SpecSyntaxError(CoverageError):
    """An abstract spec with a syntax error or an unsupported feature."""

    status = ExitStatus.USAGE


class RejectedError(CoverageError):
    """With --strict: something was rejected; the tables are written all the same."""

    status = ExitStatus.REJECTED


class LossError(CoverageError):
    """With --fail-on-loss: a cell was lost between two snapshots."""

    status = ExitStatus.LOST


class ShareError(CoverageError):
    """With --fail-under: a lower share of a lock file is cached."""

    status = ExitStatus.LOST


class IntentError(CoverageError):
    """With --fail-on-missing: a root that a stack intends is missing."""

    status = ExitStatus.LOST


class SchemaError(Exception):
    """A frame differs from its declared schema: a bug in this program, not in a page."""


def not_written(error: OSError, place: Path) -> OutputError:
    """Return the error for a file that can't be written: the file in `error`, else `place`."""
    return OutputError(
        f"{error.filename or place}: can't be written: {error.strerror}; {ANOTHER_PLACE}"
    )


def closest_names(name: str, names: Collection[str]) -> str:
    """Return a hint for an unknown name: the closest known names, or all if there are few."""
    folded = {known.lower(): known for known in names}
    close = [
        folded[known]
        for known in difflib.get_close_matches(name.lower(), folded, n=CLOSE_NAMES, cutoff=0.5)
    ]
    if close:
        return f"did you mean {', '.join(close)}?"
    if 0 < len(names) <= FEW_NAMES:
        return f"there are {', '.join(sorted(names))}"
    return f"there are {len(names)}, none like it"
