"""The interface through which runs report their progress."""

from __future__ import annotations


class Progress:
    """Receives the progress of a run. This class ignores it; the CLI shows it.

    Items are pages for `flatten` and indexes for `fetch`. Methods may be called by any thread.
    """

    def wait(self) -> None:
        """Report that another run holds the lock, and that this one waits for it."""

    def add_total(self, count: int) -> None:
        """Report that `count` more items are to be processed."""

    def advance(self, count: int) -> None:
        """Report that `count` more items have been processed."""

    def add_bytes(self, count: int) -> None:
        """Report that `count` more bytes were downloaded."""

    def warn(self, message: str) -> None:
        """Report a problem that does not stop the run."""
