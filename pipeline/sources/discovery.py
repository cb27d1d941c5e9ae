"""Find pages and indexes of build caches in the given files and folders."""

from __future__ import annotations

import codecs
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from pipeline.errors import SourceError
from pipeline.names import path_text
from pipeline.outputs import REPORTS_FOLDER, TABLES_FOLDER
from pipeline.sources.files import (
    TICK_NS,
    MirrorName,
    PageFile,
    check_inside,
    stamp_page,
    unreadable,
)
from pipeline.sources.listings import (
    MANIFEST,
    FolderListing,
    Folders,
    Listings,
    linked_folders,
    list_folder,
    pack_folders,
    take_folders,
)
from pipeline.sources.mirror.layout import (
    Mirror,
    find_mirror,
    folder_name,
    index_at,
    index_in,
    is_installation,
    is_snapshot,
    name_mirror,
)
from pipeline.sources.rejects import Reject, RejectCode
from pipeline.sources.stacks.files import StackSource, is_stack_file, stack_name

# A folder and the files of its group: the pages in its subfolders, or its indexes.
Group = tuple[str, list[PageFile]]
Entries = dict[str, os.DirEntry[str]]
# `pathlib` collapses double slashes.
ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<rest>.*)")
FEW_REASONS = 3


class Level(NamedTuple):
    """A folder on the walk: its subfolders to visit, as known from earlier and as found now.

    `tag` is its name, if that was asked for as a snapshot: see `Search.tag_of`.
    """

    folder: str
    tag: str | None
    names: Iterator[str]
    files: list[PageFile]  # the group of this folder
    known: Folders
    found: Folders


class Search:
    """A search of sources for files, which yields each group as soon as it is complete.

    A group is the files of one folder `_cache/TAG` of the site, or of one snapshot of a tree of
    mirrors. Unreadable files and folders are in `rejects`; the visited folders are in `listings`,
    by source.

    `known` returns the folders of a source as listed by an earlier search. With `only`, folders
    named for other snapshots are skipped. Links to folders, and links to files outside of their
    source, are ignored unless `follow_links`; then each file is found once, however many links lead
    to it. `mirror` is the snapshot and stack of a build cache whose path does not name them. Our
    own outputs below `out` are skipped.

    Raises
    ------
    SourceError
        A source does not exist.
    """

    def __init__(
        self,
        sources: Sequence[Path],
        known: Callable[[str], Listings] = lambda _: {},
        *,
        only: Sequence[str] = (),
        follow_links: bool = False,
        mirror: tuple[str | None, str | None] = (None, None),
        out: Path | None = None,
    ) -> None:
        self.sources = [local_path(source) for source in sources]
        self.known = known
        self.only = only
        self.follow_links = follow_links
        self.mirror = mirror
        self.out = os.path.realpath(out) if out else None
        # A folder that changed later may change again within the same clock tick.
        self.settled_ns = time.time_ns() - TICK_NS
        self.rejects: list[Reject] = []
        self.listings: dict[str, Listings] = {}
        self.stacks: list[StackSource] = []
        self.alone: str | None = None  # the mirror whose stack the user gave

    def groups(self) -> Iterator[Group]:
        """Yield groups, their files sorted by name.

        A group is yielded again, complete, if a link or another source adds files to it. Files
        found before are dropped; a file whose name is taken is named by its absolute path.

        Raises
        ------
        SourceError
            There is no page, index or environment file in any of the sources, or none for the
            given snapshots.
        """
        groups: Iterator[Group] = (group for source in self.sources for group in self.walk(source))
        if self.follow_links or len(self.sources) > 1:
            groups = tell_apart(groups)
        is_empty = True
        for folder, files in groups:
            is_empty = False
            yield folder, sorted(files, key=attrgetter("page"))
        if is_empty and not self.stacks:
            if self.rejects:
                raise nothing_read(self.sources, self.rejects)
            if self.only:
                raise no_page_of(self.only)
            raise SourceError(
                f"{', '.join(map(str, self.sources))}: no page (*.md) in or below it, and no "
                "index of a build cache or environment file (spack.yaml); a clone of the cache's "
                "site has pages in its folder _cache"
            )

    def walk(self, source: Path) -> Iterator[Group]:
        """Yield the groups of one source."""
        path = os.path.realpath(source)
        if is_stack_file(Path(path)):
            self.add_stack(path, path_text(str(source)))
        elif not os.path.isdir(path):
            yield self.single(path, path_text(source.name))
        elif (index := index_in(path)) is not None:
            yield self.single(index, os.path.basename(index))
        else:
            yield from Walk(self, path).groups()

    def add_stack(self, path: str, name: str) -> None:
        """Add an environment file, once; if its name is taken, by its path."""
        file = Path(path)
        if any(found.path == file for found in self.stacks):
            return
        if any(found.name == name for found in self.stacks):
            name = path_text(path)
        self.stacks.append(StackSource(file, name, stack_name(file)))

    def single(self, path: str, page: str) -> Group:
        """Return the group of one file: an index, or a page with any name.

        Raises
        ------
        SourceError
            It is an index, and neither its path nor the user names its snapshot.
        """
        file = stamp_page(path, page, os.stat(path))
        if not is_index(path):
            folder = os.path.dirname(os.path.dirname(path))
            return folder, [msgspec.structs.replace(file, tag=self.tag_of(folder))]
        place = index_at(path)
        tag, stack = self.mirror
        if place is not None:
            folder, index = place
            named = name_mirror(folder, folder, [], self.mirror, stands_alone=is_installation(path))
            bounds = None if self.follow_links else os.fsencode(folder)
            mirror = MirrorName(named.tag, index.view or named.stack, bounds)
        elif tag is not None:
            folder = path
            mirror = MirrorName(tag, stack)
        else:
            raise SourceError(
                f"{path}: the path of this index names no snapshot; "
                "name it with --tag, and the stack with --stack"
            )
        return folder, [msgspec.structs.replace(file, mirror=mirror)]

    def tag_of(self, *folders: str) -> str | None:
        """Return the first of these folder names that the user gave as a snapshot.

        Names in the usual form of a snapshot are left to the reader, which recognizes them.
        """
        names = map(os.path.basename, folders)
        return next((name for name in names if name in self.only and not is_snapshot(name)), None)

    def reject(self, what: str, page: str, error: OSError, *folders: str) -> None:
        """Record an unreadable file or folder, with the first snapshot that `folders` name."""
        names = map(os.path.basename, folders)
        tags = (name for name in names if name in self.only or is_snapshot(name))
        self.rejects.append(unreadable(page, what, error, next(tags, None)))

    def select(self, names: Sequence[str]) -> Sequence[str]:
        """Skip folders of other snapshots than those given; with a given stack, skip none."""
        if not self.only or self.mirror[1] is not None:
            return names
        return [name for name in names if name in self.only or not is_snapshot(name)]

    def check_alone(self, root: str, folder: str) -> None:
        """Refuse a second mirror if the user gave the stack of one.

        Raises
        ------
        SourceError
            There is more than one mirror.
        """
        if self.mirror[1] is None:
            return
        if self.alone not in (None, folder):
            raise SourceError(
                f"{root}: it holds several mirrors, {self.alone} and {folder} among them, "
                "and --stack is for a single one; omit it if their paths name their stacks"
            )
        self.alone = folder


class Walk:
    """The walk of a search over one source that is a folder, depth first, by name."""

    def __init__(self, search: Search, root: str) -> None:
        self.search = search
        self.root = root
        self.follow_links = search.follow_links
        self.links: list[
            str
        ] = []  # to folders, walked after everything that is there without links
        self.seen: set[tuple[int, int]] = set()
        # A folder's times say nothing about the targets of its links.
        self.known = {} if self.follow_links else search.known(root)
        self.listings = {} if self.follow_links else search.listings.setdefault(root, {})
        self.outputs = outputs_below(search.out, root) if search.out else set()
        if not self.follow_links:
            self.outputs = {path for path in self.outputs if f"{path}/".startswith(f"{root}/")}

    def groups(self) -> Iterator[Group]:
        """Yield the groups of the source, then those behind links that were not found yet."""
        yield from self.descend(self.root)
        for link in self.links:  # the list grows during the loop
            yield from self.descend(link)

    def descend(self, top: str) -> Iterator[Group]:
        """Yield the groups at or below a folder, and its part of the group of the folder above."""
        stack = [self.level(os.path.dirname(top).rstrip("/"), [os.path.basename(top)], [])]
        while stack:
            level = stack[-1]
            name = next(level.names, None)
            if name is not None:
                below = self.visit(level, name)
                if below:
                    stack.append(below)
                continue
            stack.pop()
            if not self.follow_links:
                packed = pack_folders(level.found, self.search.settled_ns)
                self.listings[os.fsencode(level.folder)] = packed
            if level.files:
                yield level.folder, level.files

    def level(self, folder: str, names: Sequence[str], files: list[PageFile]) -> Level:
        """Start a folder."""
        tag = self.search.tag_of(folder)
        return Level(folder, tag, iter(names), files, take_folders(self.known, folder), {})

    def visit(self, level: Level, name: str) -> Level | None:
        """Add the files in a subfolder to the group; return its own level if it has subfolders."""
        folder = f"{level.folder}/{name}"
        if self.outputs and self.is_output(folder):
            return None
        try:
            if self.follow_links and self.was_seen(folder):
                return None
            root = "" if self.follow_links else self.root
            listing, entries = list_folder(folder, root, level.known.get(name))
        except OSError as error:
            self.search.reject("folder", self.name_of(folder) or ".", error, folder, level.folder)
            return None
        level.found[name] = listing
        if self.follow_links:
            self.links += linked_folders(folder)
        self.add_pages(level, folder, listing, entries)
        if listing.has_stack:
            path = f"{folder}/{MANIFEST}"
            file = os.path.realpath(path) if self.follow_links else path
            self.search.add_stack(file, self.name_of(path))
        if not listing.folders:  # nearly every folder
            return None
        names: Sequence[str] = listing.folders
        own: list[PageFile] = []
        # Only in a mirror are some names reserved; elsewhere they may be packages.
        if (mirror := find_mirror(folder, names, self.search.mirror[1])) is not None:
            names = mirror.others
            own = self.add_indexes(level, folder, mirror)
        return self.level(folder, self.search.select(names), own) if names or own else None

    def add_pages(
        self, level: Level, folder: str, listing: FolderListing, entries: Entries
    ) -> None:
        """Add the pages in a folder to the group of its parent."""
        for name in listing.pages:
            path = f"{folder}/{name}"
            page = self.name_of(path)
            file = os.path.realpath(path) if self.follow_links else path
            try:
                status = entries[name].stat() if entries else os.stat(file)
                level.files.append(stamp_page(file, page, status, level.tag))
            except OSError as error:
                self.search.reject("page", page, error, level.folder)

    def add_indexes(self, level: Level, folder: str, found: Mirror) -> list[PageFile]:
        """Add a stack's indexes to the group of its snapshot; return those of any other mirror."""
        mirror = name_mirror(
            folder,
            self.root,
            found.others,
            self.search.mirror,
            stands_alone=found.is_installation,
        )
        self.search.check_alone(self.root, folder)
        for name in found.missing:
            self.search.rejects.append(
                Reject(
                    self.name_of(f"{folder}/{name}"),
                    1,
                    RejectCode.UNREADABLE,
                    missing_index(folder),
                    tag=mirror.tag,
                    stack=mirror.stack,
                )
            )
        files = []
        for index in found.indexes:
            stack = index.view or mirror.stack
            page = self.name_of(index.path)
            try:
                if not self.follow_links:
                    check_inside(index.path, self.root)
                file = stamp_page(index.path, page, os.stat(index.path))
            except OSError as error:
                self.search.rejects.append(unreadable(page, "index", error, mirror.tag, stack))
                continue
            bounds = None if self.follow_links else os.fsencode(self.root)
            named = MirrorName(mirror.tag, stack, bounds)
            files.append(msgspec.structs.replace(file, mirror=named))
        is_of_snapshot = mirror.tag == folder_name(level.folder) and mirror.stack is not None
        if is_of_snapshot:
            level.files.extend(files)
        return [] if is_of_snapshot else files

    def name_of(self, path: str) -> str:
        """Return a path below the source as text."""
        return path_text(path[len(self.root) + 1 :])

    def was_seen(self, folder: str) -> bool:
        """Return whether a folder was visited before, under any name."""
        status = os.stat(folder)
        identity = status.st_dev, status.st_ino
        if identity in self.seen:
            return True
        self.seen.add(identity)
        return False

    def is_output(self, folder: str) -> bool:
        """Return whether a folder is one of our outputs."""
        return (os.path.realpath(folder) if self.follow_links else folder) in self.outputs


def outputs_below(out: str, root: str) -> set[str]:
    """Return the folders to skip in a source: `out`, or our outputs in it.

    A source that is OUT, or is in it, is read except for our outputs.
    """
    own = {f"{out}/{name}" for name in (TABLES_FOLDER, REPORTS_FOLDER)}
    return own if f"{root}/".startswith(f"{out}/") else own | {out}


def local_path(source: Path) -> Path:
    """Return the local path of a source, which may be a `file://` URL.

    Raises
    ------
    SourceError
        It does not exist, or is another URL.
    """
    address = ADDRESS.fullmatch(str(source))
    if address and not source.exists():
        if address["scheme"].lower() != "file":
            url = f"{address['scheme']}://{address['rest']}"
            raise SourceError(
                f"{url}: flatten reads files on disk; download the indexes first with "
                f"'cache-coverage fetch {url} --to CACHE', then flatten CACHE"
            )
        source = Path("/", unquote(address["rest"]))
    if source.is_file() or source.is_dir():
        return source
    raise SourceError(
        f"{source}: no such file or folder; "
        "name a page, or a folder with pages (*.md) in or below it, or a build cache"
    )


def tag_by_path(page: PageFile, known: Collection[str] = ()) -> str | None:
    """Return the snapshot in a page's path, for a page whose content does not say it.

    On the site, pages are at `_cache/TAG/PACKAGE/specs.md`. `known` are further names of snapshots.
    """
    if page.tag is not None:
        return page.tag
    folder = os.path.dirname(os.path.dirname(os.fsdecode(page.path)))
    name = os.path.basename(folder)
    return name if name in known or is_snapshot(folder) else None


def no_page_of(tags: Iterable[str]) -> SourceError:
    """Return the error for requested tags that no page or index names."""
    return SourceError(
        f"no page or index of {', '.join(sorted(tags))} in the sources, or none with a spec; "
        "without --tag, all snapshots are read"
    )


def nothing_read(sources: Iterable[Path], rejects: Sequence[Reject]) -> SourceError:
    """Return the error for sources of which nothing could be read, with the reasons."""
    reasons = [f"{reject.page}: {reject.message}" for reject in rejects[:FEW_REASONS]]
    if len(rejects) > FEW_REASONS:
        reasons.append(f"and {len(rejects) - FEW_REASONS} more")
    return SourceError("\n".join([f"{', '.join(map(str, sources))}: nothing to read", *reasons]))


def missing_index(folder: str) -> str:
    """Return the message for a mirror that has specs but no index, with the remedy."""
    return (
        "specs were pushed to this mirror, but it has no index; write one with "
        f"'spack buildcache update-index {path_text(folder)}'"
    )


def tell_apart(groups: Iterable[Group]) -> Iterator[Group]:
    """Combine the groups of one folder, with each file once and under a unique name."""
    paths, names = set(), set()
    together: dict[str, list[PageFile]] = {}
    for folder, files in groups:
        group = together.setdefault(folder, [])
        for file in files:
            if file.path in paths:
                continue
            if file.page in names:
                file = msgspec.structs.replace(file, page=path_text(os.fsdecode(file.path)))
            paths.add(file.path)
            names.add(file.page)
            group.append(file)
        if group:
            yield folder, group


def is_index(path: str) -> bool:
    """Return whether a file is an index, not a page: by its path, else by its first bytes."""
    if index_at(path) is not None or path.endswith(".json"):
        return True
    try:
        with open(path, "rb") as stream:
            return stream.read(4).removeprefix(codecs.BOM_UTF8)[:1] == b"{"
    except OSError:
        return False
