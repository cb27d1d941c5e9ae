"""GET requests over HTTP: redirects, credentials for one origin, and registry tokens.

Redirects are followed here rather than by httpx2, since each has to be checked: it may lead to an
impossible port, from https to http, or to another origin, which gets no credentials.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import msgspec

from pipeline import __version__
from pipeline.errors import FetchError
from pipeline.fetch.content import CHUNK_BYTES, DamagedError, UnexpectedError
from pipeline.fetch.urls import Login, hide_logins, origin_of, resolve_redirect

MAX_REDIRECTS = 10
MAX_TOKEN_BYTES = 1_000_000
PLAIN = {"Accept-Encoding": "identity"}
CHALLENGE_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
IDENTITY_TOKEN_USER = "<token>"  # noqa: S105 - registries' clients mark a refresh token with it


@dataclass(frozen=True)
class Answer:
    """A server's response: its bytes as a stream, and the validators for the next request."""

    chunks: AsyncIterator[bytes]
    encoding: str | None = None  # gzip or None
    etag: str | None = None
    last_modified: str | None = None


class Token(msgspec.Struct, frozen=True):
    """The answer of a registry's token service; both names are in use."""

    token: str | None = None
    access_token: str | None = None


class HttpError(Exception):
    """A response with an unexpected status."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status: int = response.status_code
        self.reason = response.reason_phrase
        self.retry_after: str = response.headers.get("Retry-After", "")
        super().__init__(f"HTTP {self.status} {self.reason}".rstrip())


class HttpClient:
    """Sends GET requests; `login_of` returns the login for an origin."""

    def __init__(self, timeout: float, login_of: Callable[[str], Login | None]) -> None:
        self.login_of = login_of
        self.tokens: dict[tuple[str, str], str] = {}  # by origin and scope
        try:
            self.client = httpx2.AsyncClient(
                headers={"User-Agent": f"cache-coverage/{__version__}"},
                # The time without a byte; the client has its own limit for a whole file.
                timeout=httpx2.Timeout(timeout, pool=None),
            )
        except (OSError, ValueError, httpx2.InvalidURL) as error:
            raise FetchError(
                "the proxy or certificates that the environment names can't be used "
                f"({hide_logins(str(error))}); "
                "see HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
            ) from error

    @asynccontextmanager
    async def open(
        self, url: str, headers: Mapping[str, str], *, is_raw: bool, scope: str | None = None
    ) -> AsyncIterator[Answer | None]:
        """Request a file; return None if it is unchanged. `scope` is that of a registry's token.

        Raises
        ------
        HttpError
            The status is not 200.
        """
        # Only gzip is decoded, within limits; a blob's checksum is of the bytes as stored.
        asked = {"Accept-Encoding": "identity" if is_raw else "gzip", **headers}
        async with self._respond(url, asked, scope) as response:
            if response.status_code == httpx2.codes.NOT_MODIFIED and "If-" in "".join(headers):
                yield None
                return
            if response.status_code == httpx2.codes.PARTIAL_CONTENT:
                raise DamagedError("the server sent only part of the file (HTTP 206), unrequested")
            if response.status_code != httpx2.codes.OK:
                raise HttpError(response)
            encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if encoding not in ("identity", "gzip", "x-gzip", ""):
                raise UnexpectedError(
                    f"sent with Content-Encoding {encoding[:40]!r}, which was not requested"
                )
            is_packed = "gzip" in encoding and not is_raw
            yield Answer(
                response.aiter_raw(CHUNK_BYTES),
                "gzip" if is_packed else None,
                response.headers.get("ETag"),
                response.headers.get("Last-Modified"),
            )

    @asynccontextmanager
    async def _respond(
        self, url: str, headers: Mapping[str, str], scope: str | None
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request, follow redirects, and answer a registry's challenge once."""
        target, is_challenged = url, False
        authorization = self._authorization(url, scope)
        for _ in range(MAX_REDIRECTS):
            async with self._send(target, {**headers, **authorization}) as response:
                status = response.status_code
                if status == httpx2.codes.UNAUTHORIZED and scope and target == url:
                    challenge = response.headers.get("WWW-Authenticate", "")
                    if challenge.lower().startswith("bearer ") and not is_challenged:
                        is_challenged = True
                        await self._renew_token(url, scope, challenge)
                        authorization = self._authorization(url, scope)
                        continue
                if not response.has_redirect_location:
                    yield response
                    return
                try:
                    target = resolve_redirect(target, response.headers["Location"])
                except ValueError as error:
                    raise UnexpectedError(str(error)) from None
                if origin_of(target) != origin_of(url):
                    authorization = {}
        raise UnexpectedError(f"redirects more than {MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _send(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx2.Response]:
        request = self.client.build_request("GET", url, headers=headers)
        response = await self.client.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            yield response
        finally:
            await response.aclose()

    def _authorization(self, url: str, scope: str | None) -> dict[str, str]:
        """Return the Authorization header for a URL."""
        origin = origin_of(url)
        if scope and (token := self.tokens.get((origin, scope))):
            return {"Authorization": f"Bearer {token}"}
        login = self.login_of(origin)
        # A registry's refresh token is only for its token service.
        if login is None or login.user == IDENTITY_TOKEN_USER:
            return {}
        return login_header(login)

    async def _renew_token(self, url: str, scope: str, challenge: str) -> None:
        """Get the token that a registry asks for from the service that it names.

        This is the token authentication of the distribution specification. It is anonymous without
        a login, and a login is sent only to that service.
        """
        named = dict(CHALLENGE_PARAMETER.findall(challenge))
        realm = named.get("realm", "")
        is_plain = realm.startswith("http://") and url.startswith("http://")
        if not (realm.startswith("https://") or is_plain):
            raise UnexpectedError("the registry names no usable token service")
        asked = {"service": named.get("service", ""), "scope": named.get("scope") or scope}
        login = self.login_of(origin_of(url))
        if login and login.user == IDENTITY_TOKEN_USER:
            asked |= {
                "grant_type": "refresh_token",
                "client_id": "cache-coverage",
                "refresh_token": login.password,
            }
            request = self.client.build_request("POST", realm, data=asked, headers=PLAIN)
        else:
            headers = PLAIN | (login_header(login) if login and login.user else {})
            realm_url = httpx2.URL(realm).copy_merge_params(asked)
            request = self.client.build_request("GET", realm_url, headers=headers)
        response = await self.client.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            if response.status_code != httpx2.codes.OK:
                raise HttpError(response)
            text = b""
            async for chunk in response.aiter_raw(CHUNK_BYTES):
                text += chunk
                if len(text) > MAX_TOKEN_BYTES:
                    raise UnexpectedError("the registry's token service sent too much")
        finally:
            await response.aclose()
        try:
            answer = msgspec.json.decode(text, type=Token)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnexpectedError("the registry's token service sent no token") from error
        self.tokens[origin_of(url), scope] = answer.token or answer.access_token or ""


def login_header(login: Login) -> dict[str, str]:
    """Return the header for a login: a bearer token if it has no user name."""
    if not login.user:
        return {"Authorization": f"Bearer {login.password}"}
    pair = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
