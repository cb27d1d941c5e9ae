"""Where work is done: here, by a pool of this machine's processes, or by an engine that exists.

An engine is whatever stands behind `concurrent.futures.Executor`, as Dask's and Ray's executors do.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from pipeline.errors import CoverageError

# Up to so many pages, starting workers costs more than they bring.
POOL_PAGES = 6_000

Key = TypeVar("Key")
Result = TypeVar("Result")
Task = tuple[Callable[..., Result], tuple[object, ...]]


def run_tasks(
    tasks: Mapping[Key, Task[Result]], executor: Executor | None
) -> Iterator[tuple[Key, Result]]:
    """Run tasks, functions with their arguments, and yield each one's key and result when done.

    An executor is set to work at once; without one they are run here, one after the other.
    """
    if executor is None:
        return ((key, function(*arguments)) for key, (function, arguments) in tasks.items())
    futures = {
        executor.submit(function, *arguments): key for key, (function, arguments) in tasks.items()
    }
    return ((futures[future], future.result()) for future in as_completed(futures))


class Workers:
    """The workers of an executor or, without one, of this machine where there is much to do."""

    def __init__(self, executor: Executor | None) -> None:
        self.given = executor
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)

    def start_pool(self) -> None:
        """Start a process for each of this machine's processors; they load what they need."""
        if self.given or self.pool:
            return
        count = os.cpu_count() or 1
        # Forking a process that has threads, as dataframes have them, can hang.
        self.pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=work_alone)
        for _ in range(count):
            self.pool.submit(os.getpid)

    def executor(self, page_count: int) -> Executor | None:
        """Give the executor for so many pages; None: they are best read here."""
        if not self.given and page_count > POOL_PAGES:
            self.start_pool()
        return self.given or self.pool


def work_alone() -> None:
    """Keep a worker to one thread: its fellows have the other processors.

    Garbage is looked for less often, too: records of pages by the thousand are none.
    """
    gc.set_threshold(100_000)
    os.environ["POLARS_MAX_THREADS"] = "1"
    import pyarrow

    import pipeline.snapshots  # noqa: F401 - while the pages are still being found

    pyarrow.set_cpu_count(1)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Give the executor of a Dask cluster.

    Raises
    ------
    CoverageError
        Dask is not installed, or does not answer at this address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise CoverageError(
            "--scheduler needs Dask; install it with: pip install 'cache-coverage[dask]'"
        ) from error
    try:
        client = Client(address, timeout="10s")  # type: ignore[no-untyped-call,unused-ignore]
    except (OSError, ValueError) as error:
        raise CoverageError(f"{address}: no Dask scheduler answers there: {error}") from error
    with client:
        yield client.get_executor()  # type: ignore[no-untyped-call,unused-ignore]
