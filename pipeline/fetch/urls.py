"""URLs of build caches as users give them: parsing, splitting off logins, comparing hosts.

A login must never reach a message or a file, so every URL goes through `split_login` first, and its
errors quote no part of a URL that may belong to a login.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from pipeline.errors import FetchError
from pipeline.sources.mirror.layout import LIST

HTTP_SCHEMES = ("http", "https")
BUCKET_SCHEMES = ("s3", "gs", "az")
OCI_SCHEMES = {"oci": "https", "oci+http": "http"}
SUPPORTED = "http://, https://, s3://, gs://, az://, oci:// or oci+http://"
PUBLIC_BUCKET = "spack-binaries"
PUBLIC_HOST = "https://binaries.spack.io"

LOGIN = re.compile(r"//[^/@\s]*@")
# What may follow a mirror's URL: an index, its manifest, a blob, or a folder on their path.
BELOW_MIRROR = re.compile(
    rf"/(?:{re.escape(LIST)}"
    r"|(?P<layout_2>build_cache/index\.json)"
    r"|(?P<layout_3>v3/manifests/index/index\.manifest\.json|blobs/[^/]+/[^/]+/[^/]+)"
    r"|v3/manifests/index/(?P<view>[^/]+)(?:/index\.manifest\.json)?"
    r"|build_cache|blobs|v3(?:/manifests(?:/index)?)?)/*$"
)


class Login(NamedTuple):
    """A user name and password; without a user name, a bearer token."""

    user: str
    password: str


class MirrorUrl(NamedTuple):
    """A mirror's URL, and the index that a longer URL named; None means any."""

    base: str
    layout: int | None = None
    view: str | None = None


def hide_logins(text: str) -> str:
    """Remove user names and passwords from the URLs in a text.

    >>> hide_logins("no connection to http://me:secret@proxy:3128")
    'no connection to http://proxy:3128'
    """
    return LOGIN.sub("//", text)


def split_url(url: str) -> SplitResult:
    """Parse an absolute URL; the FetchError for an invalid one quotes no possible password."""
    scheme, separator, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if separator and "@" in rest[len(authority) :]:
        raise FetchError(
            "the URL has an @ behind its host; percent-encode special characters of a user name "
            "or password (/ as %2F, # as %23, ? as %3F), and an @ in a path as %40"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError(
            "the URL has a host or port that can't be read; check its spelling"
        ) from error
    if separator and (not host or port == 0):
        raise FetchError(f"{scheme}://: the URL has no host or an impossible port")
    if parts.query or parts.fragment:
        raise FetchError(
            f"the URL of {host}{parts.path} has a part behind ? or #, to which no file name can "
            "be appended; leave that part out"
        )
    return parts


def split_login(url: str) -> tuple[str, Login | None]:
    """Split a URL into the URL without a login, and the login."""
    parts = split_url(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = login.partition(":")
    return parts._replace(netloc=host).geturl(), Login(unquote(user), unquote(password))


def check_scheme(url: str) -> None:
    """Refuse a path, an invalid URL or an unsupported scheme, and say what to do."""
    scheme, separator, path = hide_logins(url).partition("://")
    if not separator:
        if url.startswith(("/", ".", "~")) or Path(url).exists():
            raise FetchError(
                f"{url}: this is a path; flatten reads folders directly: "
                f"cache-coverage flatten {url}"
            )
        raise FetchError(
            f"{hide_logins(f'//{url}')[2:]}: the URL has no scheme; did you mean "
            f"{hide_logins(f'https://{url}')}?"
        )
    if scheme.lower() == "file":
        raise FetchError(
            f"{scheme}://{path}: flatten reads folders directly: "
            f"cache-coverage flatten {unquote(path)}"
        )
    if scheme.lower() not in (*HTTP_SCHEMES, *BUCKET_SCHEMES, *OCI_SCHEMES):
        raise FetchError(f"{scheme}:// is not supported; expected {SUPPORTED}")


def resolve_bucket(url: str, s3_host: str | None, *, has_endpoint: bool = False) -> str:
    """Return the HTTP URL of an s3:// URL whose bucket is served over HTTP, else the URL itself.

    `{bucket}` in `s3_host` stands for the bucket's name. The public cache's bucket is served by
    binaries.spack.io, unless an S3 endpoint is given.

    Examples
    --------
    >>> resolve_bucket("s3://spack-binaries/develop/e4s/build_cache/index.json", None)
    'https://binaries.spack.io/develop/e4s/build_cache/index.json'
    >>> resolve_bucket("s3://mine/cache", "https://{bucket}.s3.amazonaws.com")
    'https://mine.s3.amazonaws.com/cache'
    >>> resolve_bucket("s3://mine/cache", None)
    's3://mine/cache'
    """
    parts = split_url(url)
    bucket = parts.netloc
    if parts.scheme != "s3":
        return url
    if s3_host is None:
        if bucket != PUBLIC_BUCKET or has_endpoint:
            return url
        s3_host = PUBLIC_HOST
    return s3_host.replace("{bucket}", bucket).rstrip("/") + parts.path


def split_mirror(url: str) -> MirrorUrl:
    """Split the URL of a mirror, index or folder in a mirror into the mirror's URL and the rest.

    >>> split_mirror("https://host/mirror/build_cache")
    MirrorUrl(base='https://host/mirror', layout=None, view=None)
    >>> split_mirror("https://host/mirror/v3/manifests/index/gpu/index.manifest.json")
    MirrorUrl(base='https://host/mirror', layout=3, view='gpu')
    """
    match = BELOW_MIRROR.search(url)
    if not match:
        return MirrorUrl(url.rstrip("/"))
    layout = 2 if match["layout_2"] else 3 if match["layout_3"] or match["view"] else None
    return MirrorUrl(url[: match.start()].rstrip("/"), layout, match["view"])


def origin_of(url: str) -> str:
    """Return a URL's scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def is_allowed(url: str, origins: Collection[str], hosts: Collection[str]) -> bool:
    """Return whether a URL is at one of `origins` or `hosts`, given as HOST or HOST:PORT."""
    parts = urlsplit(url)
    return origin_of(url) in origins or bool(
        {parts.hostname, parts.netloc.lower()}.intersection(host.lower() for host in hosts)
    )


def resolve_redirect(url: str, location: str) -> str:
    """Return the URL that a redirect leads to.

    Raises
    ------
    ValueError
        It must not be followed; the message says why, and quotes only the scheme of the location.
    """
    try:
        parts = urlsplit(urljoin(url, location))
        port = parts.port
    except ValueError:
        raise ValueError("redirects to a URL with an impossible host or port") from None
    if parts.scheme not in HTTP_SCHEMES:
        raise ValueError(f"redirects to a {parts.scheme}: URL, expected http:// or https://")
    if not parts.hostname or port == 0:
        raise ValueError("redirects to a URL with an impossible host or port")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise ValueError("redirects from https:// to http://, where anybody could alter it")
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, fragment="").geturl()
