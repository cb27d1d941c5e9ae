"""What a progress bar looks like on a terminal; loaded only where there is one."""

from __future__ import annotations

import math
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


class PaceColumn(ProgressColumn):
    """So many a second since the start, and the time that the rest will take at this pace.

    Rich's own columns take a bar for finished for good once it was full, and ours may grow again.
    """

    def render(self, task: Task) -> Text:
        """Write it; nothing is known before the first ones are done."""
        if not task.completed or not task.elapsed:
            return Text("")
        pace = task.completed / task.elapsed
        left = timedelta(seconds=math.ceil((task.remaining or 0) / pace))
        return Text(f"{pace:,.0f} pages/s, {left} left")


def page_bar() -> Progress:
    """Give the bar of pages that are read: how many a second, and the time left."""
    return bar("reading pages", PaceColumn())


def index_bar() -> Progress:
    """Give the bar of indexes that are fetched: how many megabytes came, and the time gone."""
    return bar(
        "fetching indexes", TextColumn("{task.fields[megabytes]:,.1f} MB"), TimeElapsedColumn()
    )


def bar(title: str, *columns: ProgressColumn) -> Progress:
    """Give a bar on stderr that is gone when all is done."""
    return Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        console=Console(stderr=True),
        transient=True,
    )
