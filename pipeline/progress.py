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
        self.found_count = 0

    def waits(self) -> None:
        """Say why nothing happens."""
        say_waiting(self.out)

    def finds(self, page_count: int, ahead: int) -> None:
        """Begin the bar, or make it longer."""
        self.found_count += page_count
        if self.progress and not self.progress.tasks:
            self.progress.add_task("pages")
        for task in self.progress.tasks if self.progress else ():
            task.total = self.found_count + ahead

    def reads(self, page_count: int) -> None:
        """Move the bar."""
        if self.progress:
            for task in self.progress.task_ids:
                self.progress.advance(task, page_count)


class FetchBar(Bar):
    """Tells a fetch's progress on stderr: indexes done, and bytes that came."""

    byte_count = 0

    def starts(self, page_count: int) -> None:
        """Begin the bar."""
        if self.progress:
            self.progress.add_task("indexes", total=page_count, megabytes=0.0)

    def receives(self, byte_count: int) -> None:
        """Count bytes."""
        self.byte_count += byte_count
        if self.progress:
            for task in self.progress.task_ids:
                self.progress.update(task, megabytes=self.byte_count / 1e6)

    def warns(self, text: str) -> None:
        """Say what is not as asked for."""
        sys.stderr.write(f"warning: {printable(text)}\n")


def say_waiting(out: Path) -> None:
    """Say that another run on `out` has to end first."""
    sys.stderr.write(f"{printable(str(out))}: waiting for another run on it to end\n")


@contextmanager
def progress_bar(out: Path) -> Iterator[Listener]:
    """Give what tells of a run on `out`."""
    if not sys.stderr.isatty():
        yield Bar(out, None)
        return
    from pipeline.bars import page_bar

    with page_bar() as progress:
        yield Bar(out, progress)


@contextmanager
def fetch_bar(to: Path) -> Iterator[FetchBar]:
    """Give what tells of a fetch to `to`."""
    if not sys.stderr.isatty():
        yield FetchBar(to, None)
        return
    from pipeline.bars import index_bar

    with index_bar() as progress:
        yield FetchBar(to, progress)
