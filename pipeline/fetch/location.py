"""The location of a cache: its URL without a login, its allowed origins, and its logins."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.errors import FetchError
from pipeline.fetch.buckets import BucketOptions
from pipeline.fetch.catalogue import is_registry
from pipeline.fetch.credentials import Logins
from pipeline.fetch.registry import parse_repository
from pipeline.fetch.urls import (
    HTTP_SCHEMES,
    Login,
    check_scheme,
    is_allowed,
    origin_of,
    resolve_bucket,
    split_login,
    split_mirror,
)


@dataclass(frozen=True)
class FetchOptions:
    """Options of a download; `timeout` and `max_time` are in seconds.

    `with_sizes` says whether to download spec manifests too, which have the sizes of binaries;
    None: only from registries.
    """

    jobs: int = 8
    retries: int = 4
    timeout: float = 30.0
    max_time: float = 3600.0
    s3_host: str | None = None
    buckets: BucketOptions = field(default_factory=BucketOptions)
    allowed_hosts: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    with_sizes: bool | None = None


@dataclass(frozen=True)
class Location:
    """A cache: its URL as the user gave it and as it is requested, both without a login.

    `origins` are always allowed: the cache's own, and that of --s3-host.
    """

    named: str
    url: str
    logins: Logins
    origins: frozenset[str]
    options: FetchOptions

    @property
    def own_url(self) -> str:
        """Return the URL itself, parsed as that of a mirror."""
        return self.url.rstrip("/")

    @property
    def base(self) -> str:
        """Return the URL of the mirror, or of the cache's top folder, that has the given file."""
        return self.own_url if is_registry(self.url) else split_mirror(self.url).base

    @property
    def may_have_list(self) -> bool:
        """Return whether this may be the top of a cache with a list of snapshots."""
        is_one_index = split_mirror(self.url).layout is not None
        return not (is_registry(self.url) or is_one_index or self.options.views)

    def follow(self, url: str) -> tuple[str, str]:
        """Return a URL from the cache's list without its login, and as it is requested.

        Raises
        ------
        FetchError
            It is at a host that the user has not allowed.
        """
        check_scheme(url)
        named, _ = split_login(url)
        target, s3_login = map_bucket(named, self.options)
        is_ours = self.options.s3_host is not None and target != named
        if not is_ours and not is_allowed(target, self.origins, self.options.allowed_hosts):
            host = origin_of(target).partition("://")[2]
            by_http = ", or name with --s3-host what serves it" if named.startswith("s3:") else ""
            raise FetchError(
                f"{named}: the list names another host; allow it with --allow-host {host}{by_http}"
            )
        if target.partition("://")[0] in HTTP_SCHEMES:
            if s3_login:
                self.logins.add(target, s3_login)
            else:
                self.logins.add_host(target)
        return named, target


def locate(url: str, options: FetchOptions, login: Login | None = None) -> Location:
    """Return the location of a URL; `login` is used unless the URL has one.

    Raises
    ------
    FetchError
        The URL can't be downloaded from; the message has no login.
    """
    check_scheme(url)
    named, own_login = split_login(url)
    target, s3_login = map_bucket(named, options)
    login = own_login or login or s3_login
    logins = Logins()
    if is_registry(target):
        logins.add_registry(parse_repository(target).origin, login)
    else:
        logins.add(target, login)
    return Location(named, target, logins, frozenset({origin_of(target)}), options)


def map_bucket(named: str, options: FetchOptions) -> tuple[str, Login | None]:
    """Return the URL at which a bucket is served over HTTP, if it is, and the login for it."""
    s3_host, login = options.s3_host, None
    if s3_host is not None:
        s3_host = s3_host if "://" in s3_host else f"https://{s3_host}"
        check_scheme(s3_host)
        s3_host, login = split_login(s3_host)
    target = resolve_bucket(named, s3_host, has_endpoint=bool(options.buckets.endpoint_url))
    return target, login if target != named else None
