"""A progress bar on a terminal; anywhere else nothing, but for a word where a run has to wait."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.refresh import Listener
from pipeline.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar(Listener):
    """Tells a run's progress on stderr: pages read, pages a second, and the time left."""

    def __init__(self, out: Path, progress: Progress | None) -> None:
        self.out = out
        self.progress = progress

    def waits(self) -> None:
        """Say why nothing happens."""
        say_waiting(self.out)

    def starts(self, page_count: int) -> None:
        """Begin the bar, unless there is nothing to read."""
        if self.progress and page_count:
            self.progress.add_task("pages", total=page_count)

    def reads(self, page_count: int) -> None:
        """Move the bar."""
        if self.progress:
            for task in self.progress.task_ids:
                self.progress.advance(task, page_count)


def say_waiting(out: Path) -> None:
    """Say that another run on `out` has to end first."""
    sys.stderr.write(f"{printable(str(out))}: waiting for another run on it to end\n")


@contextmanager
def progress_bar(out: Path) -> Iterator[Listener]:
    """Give what tells of a run on `out`."""
    if not sys.stderr.isatty():
        yield Bar(out, None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("reading pages"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:,.0f} pages/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        yield Bar(out, progress)
