"""Threads for queries: DuckDB leaves Python's lock to others while it runs one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

QUERIES = 2  # at once: one does not keep two processors busy all the time


@contextmanager
def thread_pool(threads: int = QUERIES) -> Iterator[Executor]:
    """Yield a pool of threads; an error or Ctrl-C does not wait for what has not begun yet."""
    with ThreadPoolExecutor(threads) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
