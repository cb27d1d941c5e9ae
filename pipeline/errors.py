"""What can go wrong, and the exit status that each case ends with.

One base class: the command line catches it, prints its message and exits with its status.
A message names the file or table, the problem and the remedy.
"""

from __future__ import annotations

import enum


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


class RejectedError(CoverageError):
    """With --strict: something was rejected. The tables are written all the same."""

    status = ExitStatus.REJECTED


class LossError(CoverageError):
    """With --fail-on-loss: a cell was lost from one snapshot to the other."""

    status = ExitStatus.LOST


class SchemaError(Exception):
    """A frame differs from its declared schema: a slip of ours, never of a page's."""
