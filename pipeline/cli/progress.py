"""Progress on stderr: a bar on a terminal, otherwise only warnings and waits."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from pipeline.cli.options import say
from pipeline.progress import Progress
from pipeline.text import is_terminal


class Messages(Progress):
    """Prints warnings and waits, and shows no progress."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def wait(self) -> None:
        """Show that the run waits for another one."""
        say_waiting(self.out)

    def warn(self, message: str) -> None:
        """Print a warning."""
        say(f"warning: {message}")

    def start_stage(self, title: str, unit: str) -> None:
        """Start another stage of the run."""

    def close(self) -> None:
        """End the run."""


class Bar(Messages):
    """Shows the progress of a run: items done of the total, their rate and the time left.

    The bar appears with the first item and is removed by `close`.
    """

    def __init__(self, out: Path, title: str, unit: str) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no monitoring thread
        super().__init__(out)
        self.total = 0
        self.byte_count = 0
        columns, lines = shutil.get_terminal_size()
        self.bar = tqdm(
            desc=title,
            unit=f" {unit}",
            total=0,
            leave=False,
            ncols=columns,
            nrows=lines,
            delay=1e-9,  # created with the first item
        )

    def add_total(self, count: int) -> None:
        """Add to the total."""
        self.total += count
        self.bar.total = self.total
        self.bar.refresh()

    def start_stage(self, title: str, unit: str) -> None:
        """Start another stage of the run on the same bar."""
        self.total = 0
        self.bar.reset(total=0)
        self.bar.unit = f" {unit}"
        self.bar.set_postfix_str("", refresh=False)
        self.bar.set_description(title, refresh=False)

    def advance(self, count: int) -> None:
        """Move the bar."""
        self.bar.update(count)

    def add_bytes(self, count: int) -> None:
        """Show how many megabytes were downloaded."""
        self.byte_count += count
        self.bar.set_postfix_str(f"{self.byte_count / 1e6:,.1f} MB", refresh=False)

    def warn(self, message: str) -> None:
        """Print a warning above the bar."""
        with self.bar.external_write_mode(file=sys.stderr):
            super().warn(message)

    def close(self) -> None:
        """Remove the bar."""
        self.bar.close()


def show_progress(out: Path, title: str, unit: str) -> Messages:
    """Return a bar where stderr can show one, otherwise only messages."""
    return Bar(out, title, unit) if has_bars() else Messages(out)


def say_waiting(out: Path) -> None:
    """Print that another run on `out` has to finish first."""
    say(f"{out}: waiting for another run to finish")


def has_bars() -> bool:
    """Return whether stderr is a terminal that can draw a bar."""
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
