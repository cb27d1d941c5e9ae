"""Threads for queries, and what an error does to them."""

from __future__ import annotations

import time
from concurrent.futures import Future
from contextlib import suppress

from pipeline.warehouse.threads import thread_pool


def test_what_has_not_begun_is_cancelled_by_an_error() -> None:
    """Ctrl-C waits for what runs in the pool, not for all that is submitted."""
    later: list[Future[None]] = []

    def wait_for_the_end() -> None:
        end = time.monotonic() + 10
        while not (later and later[0].cancelled()) and time.monotonic() < end:
            time.sleep(0.001)

    with suppress(KeyboardInterrupt), thread_pool(1) as pool:
        pool.submit(wait_for_the_end)
        later.append(pool.submit(lambda: None))
        raise KeyboardInterrupt
    assert later[0].cancelled()
