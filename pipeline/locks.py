"""Locks between runs on one folder, which end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold_lock(
    file: Path, *, is_shared: bool = False, waits: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock that `file` stands for: alone, or with others who share it.

    `waits` is called if another run has it, before this one waits for it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(stream, kind)
        yield


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Hold the lock that `file` stands for alone, if nobody has it; tell whether that is so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
