"""Where work is done: here, by a pool of this machine's processes, or by an engine that exists.

An engine is whatever stands behind `concurrent.futures.Executor`, as Dask's and Ray's executors do.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, NamedTuple

from pipeline.errors import CoverageError

# Up to so many pages, starting workers costs more than they bring.
POOL_PAGES = 6_000

# A worker keeps to one thread, since its fellows have the other processors. And it keeps the memory
# that it frees: given back, it would have to be asked for again a page at a time with each batch.
WORKER_ENVIRONMENT = {
    "POLARS_MAX_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 26),
    "MIMALLOC_PURGE_DELAY": "-1",
}


class Task(NamedTuple):
    """What a worker is to do: call a function, which reads so many pages."""

    function: Callable[..., Any]
    arguments: tuple[object, ...]
    page_count: int = 0


class Workers:
    """The workers of an executor or, without one, of this machine where there is much to do.

    Tasks go by a name; one given again replaces the one before it. `reads` is called with the
    number of pages that a task has read, by any thread.
    """

    def __init__(self, executor: Executor | None, reads: Callable[[int], object]) -> None:
        self.executor = executor
        self.reads = reads
        self.pool: Executor | None = None  # this machine's
        self.page_count = 0
        self.waiting: dict[str, Task] = {}
        self.futures: dict[str, Future[Any]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()

    def dismiss(self) -> None:
        """Send this machine's workers away, without waiting until they are gone."""
        if self.pool:
            self.pool.shutdown(wait=False, cancel_futures=True)
            self.executor = self.pool = None

    def submit(self, name: str, task: Task) -> None:
        """Have a task done: at once, where there are workers by then."""
        self.page_count += task.page_count
        self.waiting[name] = task
        if self.executor is None and self.page_count > POOL_PAGES:
            self.executor = self.pool = start_pool()
        if self.executor:
            for waiting, started in self.waiting.items():
                self.futures[waiting] = self.start(self.executor, started)
            self.waiting.clear()

    def start(self, executor: Executor, task: Task) -> Future[Any]:
        """Hand a task to a worker."""
        future = executor.submit(task.function, *task.arguments)
        future.add_done_callback(lambda _: self.reads(task.page_count))
        return future

    def results(self) -> Iterator[tuple[str, Any]]:
        """Yield each task's name and result when it is done; without workers, do them here."""
        names = {future: name for name, future in self.futures.items()}
        self.futures.clear()
        for future in as_completed(names):
            yield names[future], future.result()
        while self.waiting:
            name = next(iter(self.waiting))
            task = self.waiting.pop(name)
            result = task.function(*task.arguments)
            self.reads(task.page_count)
            yield name, result


def start_pool() -> ProcessPoolExecutor:
    """Start a process for each of this machine's processors; they load what they need."""
    count = os.cpu_count() or 1
    # Forking a process that has threads, as dataframes have them, can hang.
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=get_ready)
    with environment(WORKER_ENVIRONMENT), interrupts_held_back():
        for _ in range(count):
            pool.submit(os.getpid)
    return pool


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Have the processes that are started meanwhile know nothing of Ctrl-C, which is for the run.

    A worker that it ends may take a lock along that its fellows wait for.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Hand variables to the processes that are started meanwhile, where the user set no others."""
    added = variables.keys() - os.environ.keys()
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def get_ready() -> None:
    """Load in a worker what it needs, while the pages are still being found.

    Garbage is looked for less often there: records of pages by the thousand are none. Who is
    dismissed goes at once, and so does who is left behind by a run that was killed.
    """
    Thread(target=follow_parent, daemon=True).start()
    gc.set_threshold(100_000)
    import pipeline.tables.partitions  # noqa: F401

    atexit.register(os._exit, 0)


def follow_parent() -> None:
    """Wait until the process that started this one has ended, however, and end with it."""
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


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
            "--scheduler needs Dask; install it with: pip install '.[dask]' in a checkout"
        ) from error
    try:
        client = Client(address, timeout="10s")  # type: ignore[no-untyped-call,unused-ignore]
    except (OSError, ValueError) as error:
        raise CoverageError(f"{address}: no Dask scheduler answers there: {error}") from error
    with client:
        yield client.get_executor()  # type: ignore[no-untyped-call,unused-ignore]
