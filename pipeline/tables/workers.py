"""Run tasks in this process, in a pool of processes, or in a given executor.

Any `concurrent.futures.Executor` works, such as those of Dask and Ray.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import CoverageError, OutputError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future, ProcessPoolExecutor

# Below this, starting processes takes longer than reading in this process.
POOL_FILES = 6_000

# A worker uses one thread, since others use the other processors. And its allocator keeps freed
# memory: without that, reading 19,200 pages takes 0.39 instead of 0.27 s of system time (of 1.4 s
# CPU; medians of 3).
WORKER_ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "MIMALLOC_PURGE_DELAY": "-1"}
GC_THRESHOLD = 100_000  # containers; a snapshot of 1,200 pages makes some 15,000


class Task(NamedTuple):
    """A function to call in a worker, its arguments, and the number of files that it reads."""

    function: Callable[..., Any]
    arguments: tuple[object, ...]
    file_count: int = 0


class Workers:
    """Runs tasks in an executor or, without one, in a pool of processes if there is much to read.

    Tasks have names; a new task replaces an earlier one of the same name. `advance` is called by
    any thread with the number of files that a task has read.
    """

    def __init__(self, executor: Executor | None, advance: Callable[[int], object]) -> None:
        self.executor = executor
        self.advance = advance
        self.pool: Executor | None = None  # if we started it
        self.file_count = 0
        self.waiting: dict[str, Task] = {}
        self.futures: dict[str, Future[Any]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        """Shut the pool down, without waiting for its processes."""
        if self.pool:
            self.pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, name: str, task: Task) -> None:
        """Submit a task, which starts at once if there are workers.

        Raises
        ------
        OutputError
            A worker died.
        """
        self.file_count += task.file_count
        self.waiting[name] = task
        if self.executor is None and self.file_count <= POOL_FILES:
            return
        with deaths_reported():
            if self.executor is None:
                self.executor = self.pool = start_pool()
            for waiting, started in self.waiting.items():
                self.futures[waiting] = self.start(self.executor, started)
            self.waiting.clear()

    def start(self, executor: Executor, task: Task) -> Future[Any]:
        """Start a task in an executor."""
        future = executor.submit(task.function, *task.arguments)
        future.add_done_callback(lambda _: self.advance(task.file_count))
        return future

    def results(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and result of each task when done; without workers, run them here.

        Raises
        ------
        OutputError
            A worker died.
        """
        if self.futures:
            from concurrent.futures import as_completed

            names = {future: name for name, future in self.futures.items()}
            self.futures.clear()
            with deaths_reported():
                for future in as_completed(names):
                    yield names[future], future.result()
        while self.waiting:
            name = next(iter(self.waiting))
            task = self.waiting.pop(name)
            result = task.function(*task.arguments)
            self.advance(task.file_count)
            yield name, result


@contextmanager
def deaths_reported() -> Iterator[None]:
    """Raise OutputError where a worker died, as of too little memory."""
    from concurrent.futures import BrokenExecutor

    try:
        yield
    except BrokenExecutor as error:
        raise OutputError(
            "a worker process died, perhaps out of memory; read fewer snapshots at once with --tag"
        ) from error


def start_pool() -> ProcessPoolExecutor:
    """Start a pool with one process per processor."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    count = os.cpu_count() or 1
    # Not forked: a process with threads, such as those of Polars, may hang when forked.
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=prepare_worker)
    with environment(WORKER_ENVIRONMENT), interrupts_blocked(), main_hidden():
        for _ in range(count):
            pool.submit(os.getpid)  # starts a process, unless one is idle
    return pool


@contextmanager
def main_hidden() -> Iterator[None]:
    """Hide the main module from started processes.

    They would run a user's script again, which without `if __name__ == "__main__"` would start
    processes in turn. multiprocessing.spawn looks it up in sys.modules, and tasks don't need it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C in started processes; the main process handles it.

    A worker killed by it may hold a lock of the queue that others wait for.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for started processes, unless the user has set them."""
    added = variables.keys() - os.environ.keys()
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def prepare_worker() -> None:
    """Prepare a worker: import what it needs while files are still being searched."""
    Thread(target=exit_with_parent, daemon=True).start()
    import pipeline.tables.partitions  # noqa: F401

    # By default, looking for garbage takes 0.3 of 4.0 s of the CPU time of reading 57,600 pages.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    # When the pool is shut down, exit without tearing down Polars and Arrow.
    atexit.register(os._exit, 0)


def exit_with_parent() -> None:
    """Exit when the parent process ends, even if it was killed."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Yield the executor of a Dask cluster.

    Raises
    ------
    CoverageError
        Dask is not installed, or no scheduler answers at this address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise CoverageError(
            "--scheduler needs Dask; install it with: pip install '.[dask]' in a checkout"
        ) from error
    try:
        client = Client(address, timeout="10s")  # type: ignore[no-untyped-call,unused-ignore]
    except (OSError, ValueError) as error:
        raise CoverageError(f"{address}: no Dask scheduler answers there: {error}") from error
    with client:
        yield client.get_executor()  # type: ignore[no-untyped-call,unused-ignore]
