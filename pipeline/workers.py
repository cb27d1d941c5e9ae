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

Key = TypeVar("Key")
Result = TypeVar("Result")
Task = tuple[Callable[..., Result], tuple[object, ...]]


def run_tasks(
    tasks: Mapping[Key, Task[Result]], executor: Executor | None
) -> Iterator[tuple[Key, Result]]:
    """Run tasks, functions with their arguments, and yield each one's key and result when done.

    Without an executor they are run here, one after the other.
    """
    if executor is None:
        for key, (function, arguments) in tasks.items():
            yield key, function(*arguments)
        return
    futures = {
        executor.submit(function, *arguments): key for key, (function, arguments) in tasks.items()
    }
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def local_pool() -> Executor:
    """Give a pool with a process for each of this machine's processors."""
    # Forking a process that has threads, as dataframes have them, can hang.
    return ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=work_alone
    )


def work_alone() -> None:
    """Keep a worker to one thread: its fellows have the other processors.

    Garbage is looked for less often, too: records of pages by the thousand are none.
    """
    gc.set_threshold(100_000)
    os.environ["POLARS_MAX_THREADS"] = "1"
    import pyarrow

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
        from distributed import Client  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise CoverageError(
            "--scheduler needs Dask; install it with: pip install 'cache-coverage[dask]'"
        ) from error
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise CoverageError(f"{address}: no Dask scheduler answers there: {error}") from error
    with client:
        yield client.get_executor()
