"""Where a build cache keeps its indexes: addresses, the list at its top, a mirror's manifest.

The names and forms are Spack's: layout 2 is what Spack 0.18 to 0.23 write, layout 3 what 1.0 and
later write. The list is the public cache's own; its snapshot `develop` has, for instance, the
stack `e4s`, whose mirror is the folder `develop/e4s`, while that of `root` is `develop` itself.
Nothing here asks the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from pipeline.errors import FetchError, closest_names
from pipeline.names import IS_NAME
from pipeline.sources.mirror.layout import INDEXES, RESERVED_NAMES, ROOT, split_index

PUBLIC_BUCKET = "spack-binaries"
PUBLIC_HOST = "https://binaries.spack.io"


@dataclass(frozen=True)
class Mirror:
    """A mirror: where it is, in which layout, and its folder in the tree; empty for the tree's own.

    `named` is its index's address as the list has it.
    """

    folder: str
    address: str
    layout: int
    named: str

    @property
    def index_address(self) -> str:
        """The address of the file that is the index, or names it."""
        return f"{self.address}/{INDEXES[self.layout]}"

    @property
    def index_path(self) -> str:
        """The path of that file in the tree."""
        return self.path(INDEXES[self.layout])

    def path(self, name: str) -> str:
        """Give a file's path in the tree."""
        return f"{self.folder}/{name}" if self.folder else name


class ListEntry(msgspec.Struct, frozen=True):
    """A stack in the list: its name, and its index's address."""

    label: str
    url: str


Login = tuple[str, str]


def split_address(address: str) -> SplitResult:
    """Part an address, or raise FetchError, without its text: there may be a password in it."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise FetchError(f"the address can't be read ({error}); name another") from error
    if parts.query or parts.fragment:
        raise FetchError(
            f"the address of {parts.hostname}{parts.path} has a part behind ? or #, "
            "to which no file name can be added; leave that part out"
        )
    return parts


def split_login(address: str) -> tuple[str, Login | None]:
    """Part an address from the user and password in it, which no message should show."""
    parts = split_address(address)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, None
    user, _, password = login.partition(":")
    return parts._replace(netloc=host).geturl(), (unquote(user), unquote(password))


def http_address(address: str, s3_host: str | None) -> str:
    """Give the HTTP address of one that may be S3's, served by `s3_host`.

    The word `{bucket}` in it stands for the bucket's name. Without it, the public cache's.

    Raises
    ------
    FetchError
        For any other kind of address, and for another bucket than the public cache's at its host.

    Examples
    --------
    >>> http_address("s3://spack-binaries/develop/e4s/build_cache/index.json", None)
    'https://binaries.spack.io/develop/e4s/build_cache/index.json'
    >>> http_address("s3://mine/cache", "https://{bucket}.s3.amazonaws.com")
    'https://mine.s3.amazonaws.com/cache'
    """
    parts = split_address(address)
    if parts.scheme in ("http", "https") and parts.netloc:
        return address
    if parts.scheme != "s3" or not parts.netloc:
        raise FetchError(f"{address}: no http://, https:// or s3:// address")
    bucket = parts.netloc
    if s3_host is None and bucket != PUBLIC_BUCKET:
        raise FetchError(
            f"{address}: {PUBLIC_HOST} serves the bucket {PUBLIC_BUCKET} alone; say with --s3-host "
            "what serves this one, for example https://{bucket}.s3.amazonaws.com"
        )
    host = s3_host or PUBLIC_HOST
    if "://" not in host:
        host = f"https://{host}"
    return host.replace("{bucket}", bucket).rstrip("/") + parts.path


def owner_of(path: str) -> tuple[str, int | None]:
    """Give the folder and layout of the mirror that a path in the tree belongs to.

    >>> owner_of("develop/e4s/build_cache/index.json")
    ('develop/e4s', 2)
    >>> owner_of("v3/manifests/index/index.manifest.json")
    ('', 3)
    """
    base, layout = split_index(f"/{path}")
    return base.lstrip("/"), layout


def stack_of(folder: str) -> tuple[str, str]:
    """Give the snapshot and the stack whose mirror has a folder in the tree."""
    tag, _, stack = folder.partition("/")
    return tag, stack or ROOT


def read_list(text: bytes, address: str) -> dict[str, list[ListEntry]]:
    """Read the list of a cache's snapshots, each with its stacks.

    Raises
    ------
    FetchError
        If that is not what came from `address`.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, list[ListEntry]])
    except (msgspec.DecodeError, RecursionError) as error:
        raise FetchError(
            f"{address}: no list of snapshots as {{TAG: [{{label, url}}]}} ({error}); "
            "name another address"
        ) from error


def choose_stacks(
    listed: dict[str, list[ListEntry]], tags: Sequence[str], stacks: Sequence[str]
) -> list[tuple[str, ListEntry]]:
    """Keep to some tags and stacks of a list; to all where none is named.

    Raises
    ------
    FetchError
        For a name that the list has not.
    """
    for tag in tags:
        if tag not in listed:
            raise FetchError(f"no snapshot {tag!r} in the list: {closest_names(tag, listed)}")
    kept = [(tag, entry) for tag in tags or listed for entry in listed[tag]]
    labels = {entry.label for _, entry in kept}
    for stack in stacks:
        if stack not in labels:
            where = ", ".join(tags) or "the list"
            raise FetchError(f"no stack {stack!r} in {where}: {closest_names(stack, labels)}")
    return [(tag, entry) for tag, entry in kept if not stacks or entry.label in stacks]


def locate_mirror(tag: str, entry: ListEntry, s3_host: str | None) -> Mirror:
    """Give the mirror of a stack of the list.

    Raises
    ------
    FetchError
        If its name can be no folder's, or its address leads to no index.
    """
    named, _ = split_login(entry.url)
    for name in (tag, entry.label):
        if not IS_NAME.fullmatch(name) or name in RESERVED_NAMES:
            raise FetchError(
                f"{named}: the list gives it the name {name!r}, which can't be a folder's; left out"
            )
    address, layout = split_index(http_address(named, s3_host))
    if layout is None:
        raise FetchError(f"{named}: neither an index nor a blob's address; left out")
    folder = tag if entry.label == ROOT else f"{tag}/{entry.label}"
    return Mirror(folder, address, layout, named)
