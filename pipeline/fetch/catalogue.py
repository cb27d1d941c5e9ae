"""The contents of a cache: the list of its snapshots, its mirrors, and the URLs of their indexes.

Names and formats are Spack's: Spack 0.18 to 0.23 write layout 2, Spack 1.0 and later layout 3. The
list is specific to the public cache. Its snapshot `develop` has, for instance, the stack `e4s`,
whose mirror is the folder `develop/e4s`; the mirror of `root` is `develop` itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pipeline.errors import FetchError, closest_names
from pipeline.fetch.content import LIST_FORM
from pipeline.fetch.registry import Repository, parse_repository
from pipeline.fetch.urls import OCI_SCHEMES, split_mirror
from pipeline.names import IS_NAME
from pipeline.sources.mirror.layout import INDEXES, LIST, RESERVED_NAMES, ROOT

MAX_STACKS = 100_000  # in a list


@dataclass(frozen=True)
class Index:
    """One index of a mirror: the mirror's URL and folder in the tree, and its layout.

    `folder` is empty for a mirror in the tree's own folder. `named` is the URL as the user or a
    list wrote it. A `view` is an index of some of the mirror's specs (Spack 1.1). `repository` is
    set for a mirror in a registry.
    """

    folder: str
    base: str
    layout: int
    named: str
    view: str | None = None
    repository: Repository | None = None

    @property
    def name(self) -> str:
        """Return the path below the mirror of the index, or of the manifest that names it."""
        name = INDEXES[self.layout]
        if self.view is None:
            return name
        folder, _, file = name.rpartition("/")
        return f"{folder}/{self.view}/{file}"

    @property
    def url(self) -> str:
        """Return the URL of that file."""
        return f"{self.base}/{self.name}"

    @property
    def path(self) -> str:
        """Return the path of that file in the tree."""
        return self.path_of(self.name)

    def path_of(self, name: str) -> str:
        """Return the path in the tree of a file in the mirror."""
        return f"{self.folder}/{name}" if self.folder else name


class ListEntry(msgspec.Struct, frozen=True):
    """A stack in the list: its name and the URL of its index."""

    label: str
    url: str


def folder_of(path: str) -> str | None:
    """Return the folder of the mirror that a path in the tree belongs to, or None.

    >>> folder_of("develop/e4s/build_cache/index.json"), folder_of("v3/layout.json")
    ('develop/e4s', '')
    """
    parts = path.split("/")
    for number, part in enumerate(parts):
        if part in RESERVED_NAMES:
            return "/".join(parts[:number])
    return None


def folder_name(tag: str, stack: str) -> str:
    """Return the folder of a stack's mirror in the tree.

    >>> folder_name("develop", "e4s"), folder_name("develop", "root")
    ('develop/e4s', 'develop')
    """
    return tag if stack == ROOT else f"{tag}/{stack}"


def stack_of(folder: str) -> tuple[str, str]:
    """Return the snapshot and stack of a mirror's folder in the tree."""
    tag, _, stack = folder.partition("/")
    return tag, stack or ROOT


def read_list(text: bytes, url: str) -> dict[str, list[ListEntry]]:
    """Read the list of a cache's snapshots, each with its stacks.

    Raises
    ------
    FetchError
        The content of `url` is not a list, or has more stacks than any cache.
    """
    try:
        listed = msgspec.json.decode(text, type=dict[str, list[ListEntry]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FetchError(
            f"{url}: expected {LIST_FORM}, found something else ({error}); name another URL"
        ) from error
    if sum(map(len, listed.values())) > MAX_STACKS:
        raise FetchError(f"{url}: the list has more than {MAX_STACKS:,} stacks; name another URL")
    return listed


def choose_stacks(
    listed: dict[str, list[ListEntry]], tags: Sequence[str], stacks: Sequence[str]
) -> list[tuple[str, ListEntry]]:
    """Return the entries of a list for some tags and stacks; all if none are given.

    Raises
    ------
    FetchError
        A name is not in the list.
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


def check_names(named: str, *names: str) -> None:
    """Refuse names of snapshots or stacks that can't be folder names.

    `named` is where the names come from, for the message.
    """
    for name in names:
        if not IS_NAME.fullmatch(name) or name in RESERVED_NAMES or name == LIST:
            raise FetchError(f"{named}: named {name!r}, which can't be a folder's name; left out")


def listed_index(tag: str, label: str, url: str, named: str) -> Index:
    """Return the index of a stack at the URL in a list.

    Raises
    ------
    FetchError
        The URL is not that of an index.
    """
    mirror = split_mirror(url)
    folder = folder_name(tag, label)
    if is_registry(url):
        return registry_index(folder, url, named)
    if mirror.layout is None:
        raise FetchError(f"{named}: the URL of neither an index nor its blob; left out")
    return Index(folder, mirror.base, mirror.layout, named, mirror.view)


def mirror_indexes(folder: str, url: str, named: str, views: Sequence[str] = ()) -> list[Index]:
    """Return the indexes that a mirror may have, given its URL or that of one index.

    A mirror that was continued with Spack 1.0 has both layouts. Named views replace the mirror's
    own index.
    """
    if is_registry(url):
        return [registry_index(folder, url, named)]
    mirror = split_mirror(url)
    chosen = [*views, *([mirror.view] if mirror.view else [])]
    if chosen:
        return [Index(folder, mirror.base, 3, named, view) for view in chosen]
    layouts = [mirror.layout] if mirror.layout else sorted(INDEXES, reverse=True)
    return [Index(folder, mirror.base, layout, named) for layout in layouts]


def is_registry(url: str) -> bool:
    """Return whether a URL is of a repository in a registry."""
    return url.partition("://")[0].lower() in OCI_SCHEMES


def registry_index(folder: str, url: str, named: str) -> Index:
    """Return the index of a build cache in a registry."""
    return Index(folder, url, 3, named, repository=parse_repository(url))
