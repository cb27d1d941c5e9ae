"""A progress bar on a terminal; anywhere else nothing, but for a word where a run has to wait."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.progress import Progress
from pipeline.text import is_terminal, printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Bar(Progress):
    """Tells a run's progress on stderr: pages read, pages a second, and the time left."""

    def __init__(self, out: Path, progress: RichProgress | None) -> None:
        self.out = out
        self.progress = progress
        self.total = 0

    def wait(self) -> None:
        """Say why nothing happens."""
        say_waiting(self.out)

    def begin(self, **fields: Any) -> None:
        """Begin the bar; where there is nothing to do, there is none."""
        if self.progress and not self.progress.tasks:
            self.progress.start()
            self.progress.add_task("", **fields)

    def add_total(self, count: int) -> None:
        """Begin the bar, or make it longer."""
        self.total += count
        self.begin()
        for task in self.progress.tasks if self.progress else ():
            task.total = self.total

    def advance(self, count: int) -> None:
        """Move the bar."""
        if self.progress:
            for task in self.progress.task_ids:
                self.progress.advance(task, count)

    def warn(self, message: str) -> None:
        """Say what is not as asked for."""
        click.echo(f"warning: {printable(message)}", err=True)


class FetchBar(Bar):
    """Tells a fetch's progress on stderr: indexes done, and bytes that came."""

    byte_count = 0

    def begin(self, **fields: Any) -> None:
        """Begin the bar, without a byte yet."""
        super().begin(megabytes=0.0, **fields)

    def add_bytes(self, count: int) -> None:
        """Count bytes."""
        self.byte_count += count
        if self.progress:
            for task in self.progress.task_ids:
                self.progress.update(task, megabytes=self.byte_count / 1e6)


def say_waiting(out: Path) -> None:
    """Say that another run on `out` has to end first."""
    click.echo(f"{printable(str(out))}: waiting for another run on it to end", err=True)


def has_bars() -> bool:
    """Whether stderr is where a bar can be drawn."""
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


@contextmanager
def progress_bar(out: Path) -> Iterator[Progress]:
    """Give what tells of a run on `out`."""
    if not has_bars():
        yield Bar(out, None)
        return
    from pipeline.cli.bars import page_bar

    with drawn(page_bar()) as progress:
        yield Bar(out, progress)


@contextmanager
def fetch_bar(to: Path) -> Iterator[FetchBar]:
    """Give what tells of a fetch to `to`."""
    if not has_bars():
        yield FetchBar(to, None)
        return
    from pipeline.cli.bars import index_bar

    with drawn(index_bar()) as progress:
        yield FetchBar(to, progress)


@contextmanager
def drawn(progress: RichProgress) -> Iterator[RichProgress]:
    """Take a bar away in the end, if it was begun."""
    try:
        yield progress
    finally:
        progress.stop()
