"""One address to one draft file: asked for again where that may help, checked, never half.

What the caller gets is whole: as long as the server said, and with the checksum that was asked for.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable
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

from pipeline import __version__
from pipeline.errors import FetchError, ForbiddenError, MissingError
from pipeline.fetch.catalogue import Login
from pipeline.sources.mirror.layout import Blob

# Seconds: the first pause, which doubles, what chance adds, and the longest pause.
FIRST_PAUSE, JITTER, LONGEST_PAUSE = 0.5, 0.5, 30.0
# The longest that a server may ask to wait, in seconds.
LONGEST_RETRY_AFTER = 300.0
CHUNK_BYTES = 1 << 18


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file as it came: from where, its size in bytes and time here, the server's validators."""

    address: str
    size: int
    mtime_ns: int
    etag: str | None = None
    last_modified: str | None = None


class Draft(msgspec.Struct, frozen=True):
    """A file that came whole, not yet at its place."""

    path: Path
    seen: Seen


class DamagedError(Exception):
    """What came is not whole."""


class Downloads:
    """A client that brings files into a folder of drafts.

    `login` is for the origin that it was given for, and no other. Proxies and certificates are
    those that the environment names.
    """

    def __init__(
        self,
        drafts: Path,
        *,
        retries: int,
        timeout: float,
        login: tuple[str, Login] | None,
        receives: Callable[[int], None],
    ) -> None:
        self.drafts = drafts
        self.numbers = itertools.count()
        self.attempts = retries + 1
        self.timeout = timeout
        self.login = login
        self.receives = receives
        self.unreachable: dict[str, str] = {}
        try:
            self.client = httpx2.AsyncClient(
                headers={"User-Agent": f"cache-coverage/{__version__}"},
                follow_redirects=True,
                # So long nothing may come; how long all of it takes does not matter.
                timeout=httpx2.Timeout(timeout, pool=None),
            )
        except (OSError, ValueError, httpx2.InvalidURL) as error:
            raise FetchError(
                f"the proxy or certificates that the environment names can't be used ({error}); "
                "see HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
            ) from error
        stamina.instrumentation.set_on_retry_hooks([])
        self.retrying = stamina.AsyncRetryingCaller(
            attempts=self.attempts,
            timeout=None,
            wait_initial=FIRST_PAUSE,
            wait_jitter=JITTER,
            wait_max=LONGEST_PAUSE,
        ).on(pause_after)

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.client.__aexit__(kind, error, traceback)

    async def get(
        self, address: str, seen: Seen | None = None, blob: Blob | None = None
    ) -> Draft | None:
        """Bring the JSON file at an address, or a blob; None if it is still what was `seen`.

        Raises
        ------
        FetchError
            With the address, what was found there, and what to do.
        """
        origin = origin_of(address)
        if origin in self.unreachable:
            raise FetchError(f"{address}: {self.unreachable[origin]}")
        try:
            return await self.retrying(self._try, address, seen, blob)
        except (httpx2.HTTPError, httpx2.InvalidURL, DamagedError) as error:
            found = describe_failure(error, self.attempts, self.timeout)
            if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
                # Of a host that is not there, each further file would take as long to fail.
                self.unreachable[origin] = found
            kind = kind_of_failure(error)
            raise kind(f"{address}: {found}") from error

    async def _try(self, address: str, seen: Seen | None, blob: Blob | None) -> Draft | None:
        headers = {}
        if blob:
            # A blob's checksum is of its bytes as they are stored.
            headers["Accept-Encoding"] = "identity"
        if seen and seen.etag:
            headers["If-None-Match"] = seen.etag
        if seen and seen.last_modified:
            headers["If-Modified-Since"] = seen.last_modified
        auth = None
        if self.login and self.login[0] == origin_of(address):
            auth = httpx2.BasicAuth(*self.login[1])
        async with self.client.stream("GET", address, headers=headers, auth=auth) as response:
            if response.status_code == httpx2.codes.NOT_MODIFIED and seen:
                return None
            response.raise_for_status()
            chunks = response.aiter_raw if blob else response.aiter_bytes
            draft = self.drafts / str(next(self.numbers))
            try:
                await self._write(address, draft, chunks(CHUNK_BYTES), blob)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        status = draft.stat()
        return Draft(
            draft,
            Seen(
                address,
                status.st_size,
                status.st_mtime_ns,
                response.headers.get("ETag"),
                response.headers.get("Last-Modified"),
            ),
        )

    async def _write(
        self, address: str, draft: Path, chunks: AsyncIterator[bytes], blob: Blob | None
    ) -> None:
        """Write what comes, and look whether it is what it should be."""
        digest = hashlib.sha256()
        size = 0
        first = last = b""
        with draft.open("wb") as stream:
            async for chunk in chunks:
                stream.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                first, last = first or chunk.lstrip()[:40], chunk.rstrip()[-1:] or last
                self.receives(len(chunk))
        if blob and size != blob.content_length:
            raise DamagedError(f"{size:,} bytes came, {blob.content_length:,} were announced")
        if blob and digest.hexdigest() != blob.checksum:
            raise DamagedError(f"its sha256 is {digest.hexdigest()}")
        if not blob and not first.startswith(b"{"):
            found = first.decode(errors="replace")
            raise FetchError(f"{address}: no JSON object, it begins with {found!r}")
        if not blob and last != b"}":
            raise DamagedError(f"cut off after {size:,} bytes")


def origin_of(address: str) -> str:
    """Give an address's scheme, host and port."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def pause_after(error: Exception) -> bool | float:
    """Whether to try again after an error; a number says after how many seconds."""
    if isinstance(error, httpx2.HTTPStatusError):
        response = error.response
        if response.status_code != httpx2.codes.TOO_MANY_REQUESTS and not response.is_server_error:
            return False
        return retry_after(response.headers.get("Retry-After", "")) or True
    if isinstance(error, httpx2.UnsupportedProtocol):
        return False
    return isinstance(error, httpx2.TransportError | httpx2.DecodingError | DamagedError)


def retry_after(value: str) -> float | None:
    """Read the header Retry-After: seconds or a date; give seconds from now on.

    >>> retry_after("7")
    7.0
    >>> retry_after("Wed, 21 Oct 2015 07:28:00 GMT")
    0.0
    >>> retry_after("soon")
    """
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def kind_of_failure(error: Exception) -> type[FetchError]:
    """Give the error to raise for what the client found."""
    status = error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
    if status in (404, 410):
        return MissingError
    if status in (401, 403):
        return ForbiddenError
    return FetchError


def describe_failure(error: Exception, attempts: int, timeout: float) -> str:
    """Say what was found, and what to do about it."""
    tried = f"in {attempts} attempts" if attempts > 1 else "in one attempt"
    match error:
        case httpx2.HTTPStatusError(response=response):
            found = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
            if response.status_code in (404, 410):
                return f"{found}; see whether the address is right"
            if response.status_code in (401, 403):
                return f"{found}; a private cache is named as https://USER:PASSWORD@HOST/…"
            if pause_after(error):
                return f"{found} {tried}; try again later"
            return f"{found}; see whether the address is right"
        case httpx2.ConnectTimeout():
            return f"no connection within {timeout:g} s {tried}; see whether the host is right"
        case httpx2.TimeoutException():
            return f"nothing came for {timeout:g} s {tried}; try again later, or a longer --timeout"
        case httpx2.ConnectError() | httpx2.ProxyError():
            return f"no connection ({error}) {tried}; see whether host, network and proxy are right"
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL():
            return f"leads to no http:// or https:// address ({error}); name another"
        case httpx2.TransportError() | httpx2.DecodingError():
            return f"broke off ({error}) {tried}; try again later"
        case _:
            return f"{error} {tried}; try again, or tell who runs the cache"
