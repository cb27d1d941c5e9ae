"""Download one URL to a temporary file, with retries, limits and integrity checks.

The caller gets complete files: of the announced length, with the expected checksum and format.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2
import msgspec
import stamina
import stamina.instrumentation

from pipeline.errors import FetchError, ForbiddenError, MissingError
from pipeline.fetch.buckets import BucketClient, BucketError, BucketOptions
from pipeline.fetch.content import (
    DamagedError,
    Decompressor,
    Expected,
    UnexpectedError,
)
from pipeline.fetch.credentials import WAYS, Logins
from pipeline.fetch.http import Answer, HttpClient, HttpError
from pipeline.fetch.urls import BUCKET_SCHEMES, hide_logins, origin_of
from pipeline.progress import Progress

# Seconds: the first pause, which doubles; its random part; the longest pause.
FIRST_PAUSE, JITTER, LONGEST_PAUSE = 0.5, 0.5, 30.0
# The longest wait that a server may ask for, in seconds.
LONGEST_RETRY_AFTER = 300.0
CHECK_URL = "check the URL"


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A downloaded file: its URL, size in bytes, local modification time, and HTTP validators."""

    url: str = msgspec.field(name="address")
    size: int
    mtime_ns: int
    etag: str | None = None
    last_modified: str | None = None


class Draft(msgspec.Struct, frozen=True):
    """A completely downloaded file that is not yet published."""

    path: Path
    seen: Seen


@dataclass(frozen=True)
class Limits:
    """Limits on downloading one file; `timeout` and `max_time` are in seconds."""

    retries: int
    timeout: float  # without receiving a byte
    max_time: float  # for the whole file, including retries


class Downloads:
    """Downloads files of one cache, with its logins and bucket settings."""

    def __init__(
        self,
        new_draft: Callable[[], Path],
        slots: asyncio.Semaphore,
        limits: Limits,
        logins: Logins,
        buckets: BucketOptions,
        progress: Progress,
    ) -> None:
        self.new_draft = new_draft
        self.slots = slots
        self.limits = limits
        self.progress = progress
        self.byte_count = 0
        self.unreachable: dict[str, str] = {}
        self.http = HttpClient(limits.timeout, logins.login_of)
        self.buckets = BucketClient(buckets, limits.timeout)
        stamina.instrumentation.set_on_retry_hooks([])
        self.retrying = stamina.AsyncRetryingCaller(
            attempts=limits.retries + 1,
            timeout=None,
            wait_initial=FIRST_PAUSE,
            wait_jitter=JITTER,
            wait_max=LONGEST_PAUSE,
        ).on(pause_after)

    async def __aenter__(self) -> Self:
        await self.http.client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.http.client.__aexit__(kind, error, traceback)

    async def get(
        self,
        url: str,
        expected: Expected,
        seen: Seen | None = None,
        *,
        accept: str | None = None,
        scope: str | None = None,
    ) -> Draft | None:
        """Download a file; return None if it is unchanged since it was `seen`.

        Raises
        ------
        FetchError
            Names the URL, the problem, and what to do.
        """
        async with self.slots:
            origin = origin_of(url)
            if origin in self.unreachable:
                raise FetchError(f"{url}: {self.unreachable[origin]}")
            try:
                async with asyncio.timeout(self.limits.max_time):
                    return await self.retrying(self._try, url, expected, seen, accept, scope)
            except TimeoutError as error:
                raise FetchError(
                    f"{url}: not complete after {self.limits.max_time:g} s; "
                    "try again later, or raise --max-time"
                ) from error
            except UnexpectedError as error:
                raise FetchError(f"{url}: {error}; {CHECK_URL}") from error
            except (
                HttpError,
                BucketError,
                DamagedError,
                httpx2.HTTPError,
                httpx2.InvalidURL,
                ValueError,
                OverflowError,
            ) as error:
                found = describe_failure(error, self.limits)
                if is_unreachable(error):
                    # Further files of that host would take as long to fail.
                    self.unreachable[origin] = found
                raise error_class(error)(f"{url}: {found}") from error

    async def _try(
        self,
        url: str,
        expected: Expected,
        seen: Seen | None,
        accept: str | None,
        scope: str | None,
    ) -> Draft | None:
        async with self._open(url, expected, seen, accept, scope) as answer:
            if answer is None:
                return None
            draft = self.new_draft()
            try:
                await self._write(draft, answer, expected)
                await asyncio.to_thread(expected.check, draft)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        status = draft.stat()
        return Draft(
            draft,
            Seen(url, status.st_size, status.st_mtime_ns, answer.etag, answer.last_modified),
        )

    def _open(
        self,
        url: str,
        expected: Expected,
        seen: Seen | None,
        accept: str | None,
        scope: str | None,
    ) -> AbstractAsyncContextManager[Answer | None]:
        if urlsplit(url).scheme in BUCKET_SCHEMES:
            return self.buckets.open(url, seen.etag if seen else None)
        headers: dict[str, str] = {"Accept": accept} if accept else {}
        return self.http.open(
            url, headers | validators(seen), is_raw=expected.blob is not None, scope=scope
        )

    async def _write(self, draft: Path, answer: Answer, expected: Expected) -> None:
        """Write the response, up to the expected size, and check that it is complete."""
        digest = hashlib.sha256()
        size = 0
        blob = expected.blob
        with draft.open("wb") as stream:
            async for chunk in self._decoded(answer, expected):
                size += len(chunk)
                if size > expected.max_bytes:
                    raise UnexpectedError(f"larger than the {expected.max_bytes:,} bytes expected")
                stream.write(chunk)
                digest.update(chunk)
        if blob and size != blob.content_length:
            raise DamagedError(f"{size:,} bytes arrived, {blob.content_length:,} were announced")
        if blob and digest.hexdigest() != blob.checksum:
            raise DamagedError(f"its sha256 is {digest.hexdigest()}, expected {blob.checksum}")

    async def _decoded(self, answer: Answer, expected: Expected) -> AsyncIterator[bytes]:
        """Yield a file's bytes, decompressed if they were sent with Content-Encoding."""
        decompressor = Decompressor(expected.max_bytes) if answer.encoding else None
        async for chunk in answer.chunks:
            self.byte_count += len(chunk)
            self.progress.add_bytes(len(chunk))
            if decompressor is None:
                yield chunk
                continue
            for piece in decompressor.pieces(chunk):
                yield piece
        if decompressor:
            decompressor.finish()


def validators(seen: Seen | None) -> dict[str, str]:
    """Return the headers of a conditional request."""
    headers = {}
    if seen and seen.etag:
        headers["If-None-Match"] = seen.etag
    if seen and seen.last_modified:
        headers["If-Modified-Since"] = seen.last_modified
    return headers


def status_of(error: Exception) -> int | None:
    """Return the HTTP status behind an error; None if there was no response."""
    return error.status if isinstance(error, HttpError | BucketError) else None


def pause_after(error: Exception) -> bool | float:
    """Return whether to retry after an error, or after how many seconds."""
    status = status_of(error)
    if status is not None:
        if status not in (408, 429) and status < 500:
            return False
        return (isinstance(error, HttpError) and parse_retry_after(error.retry_after)) or True
    if isinstance(error, httpx2.UnsupportedProtocol):
        return False
    return isinstance(error, httpx2.TransportError | DamagedError | BucketError)


def parse_retry_after(value: str) -> float | None:
    """Return the seconds to wait by a Retry-After header: a number or a date.

    >>> parse_retry_after("7")
    7.0
    >>> parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT")
    0.0
    >>> parse_retry_after("soon")
    """
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def is_unreachable(error: Exception) -> bool:
    """Return whether an error means that the host itself is unreachable."""
    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)


def error_class(error: Exception) -> type[FetchError]:
    """Return the class of error to raise for a failure."""
    status = status_of(error)
    if status in (404, 410):
        return MissingError
    if status in (401, 403):
        return ForbiddenError
    return FetchError


def describe_failure(error: Exception, limits: Limits) -> str:
    """Return a description of a failure, and what to do about it."""
    attempts = limits.retries + 1
    tried = f"in {attempts} attempts" if attempts > 1 else "in one attempt"
    match error:
        case HttpError() | BucketError() if status_of(error) is not None:
            status = status_of(error)
            if status in (401, 403):
                return f"{error}; {WAYS}"
            if status == 429:
                return f"{error} {tried}; rate limited: try again later, or with fewer --jobs"
            if pause_after(error):
                return f"{error} {tried}; try again later"
            return f"{error}; {CHECK_URL}"
        case httpx2.ConnectTimeout():
            return f"no connection within {limits.timeout:g} s {tried}; check the host name"
        case httpx2.TimeoutException():
            return (
                f"nothing arrived for {limits.timeout:g} s {tried}; "
                "try again later, or raise --timeout"
            )
        case httpx2.ConnectError() | httpx2.ProxyError():
            text = hide_logins(str(error))
            return f"no connection ({text}) {tried}; check the host name, network and proxy"
        case BucketError():
            return f"{error} {tried}; check the bucket, endpoint, region and network"
        case httpx2.TransportError():
            return f"the connection broke off ({hide_logins(str(error))}) {tried}; try again later"
        case DamagedError():
            return f"{error} ({tried}); try again, or tell the cache's operators"
        case _:
            return f"can't be requested ({type(error).__name__}); {CHECK_URL}"
