"""What can go wrong, and the exit status that each case ends with.

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
    """Something could not be done: what, where, and what to do about it."""

    status = ExitStatus.FAILED


class SourceError(CoverageError):
    """The pages asked for are not there."""


class OutputError(CoverageError):
    """A table, database or report could not be read or written."""


class CheckError(CoverageError):
    """A database that was built contradicts itself."""


class QueryError(CoverageError):
    """A query that DuckDB refuses, or that tries to change something."""


class FetchError(CoverageError):
    """Something could not be brought from an address, or what came is not what it should be."""


class MissingError(FetchError):
    """There is nothing at an address (HTTP 404, 410)."""


class ForbiddenError(FetchError):
    """An address may not be read (HTTP 401, 403); so S3 answers for what is not there, too."""


class RejectedError(CoverageError):
    """With --strict: something was rejected. The tables are written all the same."""

    status = ExitStatus.REJECTED


class LossError(CoverageError):
    """With --fail-on-loss: a cell was lost from one snapshot to the other."""

    status = ExitStatus.LOST


class SchemaError(Exception):
    """A frame differs from its declared schema: a slip of ours, never of a page's."""


def not_written(error: OSError, place: Path) -> OutputError:
    """Say that the system refused to write a file, or what is at `place` if it names none."""
    return OutputError(
        f"{error.filename or place}: can't be written: {error.strerror}; {ANOTHER_PLACE}"
    )


def closest_names(name: str, names: Collection[str]) -> str:
    """Say which of the names that there are come closest to one that there is not.

    Where none does, and they are few, they are all named.
    """
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
