"""Find pages, and the indexes of build caches, below the folders that a user names."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter, length_hint
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.errors import SourceError
from pipeline.names import path_text
from pipeline.sources.files import (
    TICK_NS,
    MirrorName,
    PageFile,
    check_inside,
    stamp_page,
    unreadable,
)
from pipeline.sources.listings import (
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

FEW_REASONS = 3

Group = tuple[str, list[PageFile]]  # a folder, and the pages in the folders in it


class Level(NamedTuple):
    """A folder on the way down: the folders in it, still to be visited, as known and as found."""

    folder: str
    names: Iterator[str]
    pages: list[PageFile]  # in those folders
    known: Folders
    found: Folders


class Search:
    """A walk over sources, which yields each folder's pages as soon as it has them all.

    Pages go by the folder that holds their packages' folders: `_cache/TAG`. What can't be read is
    in `rejects`, the folders walked are in `listings`, by source; `ahead` are the folders that are
    known to be still to be walked.

    Links to folders are not followed, nor links to files outside of their source, but with
    `follow_links`: then each file is read once, however many links lead to it. `known` gives the
    folders of a source as they were listed before, where that is known. With `only`, folders named
    for other snapshots are passed by. `mirror` is the snapshot and the stack of a build cache whose
    place does not tell them.

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
    ) -> None:
        self.sources = sources
        self.known = known
        self.only = only
        self.follow_links = follow_links
        self.mirror = mirror
        # A folder that changed later may change again within the same tick.
        self.settled_ns = time.time_ns() - TICK_NS
        self.rejects: list[Reject] = []
        self.listings: dict[str, Listings] = {}
        self.ahead = 0
        self.alone: str | None = None  # the mirror that the user names the stack of
        for source in sources:
            if not (source.is_file() or source.is_dir()):
                raise SourceError(
                    f"{source}: no such file or folder; "
                    "name a page, or a folder with pages (*.md) in or below it, or a build cache"
                )

    def groups(self) -> Iterator[Group]:
        """Yield folders with their pages in the order of their names.

        A folder comes again, whole, where a link or a further source adds pages to it. A file that
        comes again is dropped; one whose name is taken goes by its whole path.

        Raises
        ------
        SourceError
            There is no page in any of the sources, or none of the snapshots asked for.
        """
        groups: Iterator[Group] = (group for source in self.sources for group in self.walk(source))
        if self.follow_links or len(self.sources) > 1:
            groups = tell_apart(groups)
        is_empty = True
        for folder, pages in groups:
            is_empty = False
            yield folder, sorted(pages, key=attrgetter("page"))
        if is_empty:
            if self.rejects:
                raise nothing_read(self.sources, self.rejects)
            if self.only:
                raise no_page_of(self.only)
            raise SourceError(
                f"{', '.join(map(str, self.sources))}: no page (*.md) in or below it, and no "
                "index of a build cache; a clone of the cache's site has pages in its folder _cache"
            )

    def walk(self, source: Path) -> Iterator[Group]:
        """Yield the folders at or below one source that hold packages' folders."""
        root = os.path.realpath(source)
        if not os.path.isdir(root):
            yield self.single(root, path_text(source.name))
        elif (index := index_in(root)) is not None:
            yield self.single(index, os.path.basename(index))
        elif self.follow_links:
            # What is there without links comes first, and so is known by its own name.
            seen: set[tuple[int, int]] = set()
            folders = [root]
            for folder in folders:
                yield from self.descend(root, folder, seen, folders)
        else:
            yield from self.descend(root, root)

    def single(self, path: str, page: str) -> Group:
        """Give the one file that a source is: an index, or a page whatever its name."""
        file = stamp_page(path, page, os.stat(path))
        if not is_index(path):
            return os.path.dirname(os.path.dirname(path)), [file]
        place = index_at(path)
        folder = place[0] if place else None
        tag, stack = self.mirror
        if place is not None:
            folder, index = place
            mirror = name_mirror(
                folder, folder, [], self.mirror, stands_alone=is_installation(path)
            )
            bounds = None if self.follow_links else os.fsencode(folder)
            mirror = MirrorName(mirror.tag, index.view or mirror.stack, bounds)
        elif tag is not None:
            mirror = MirrorName(tag, stack)
        else:
            raise SourceError(
                f"{path}: its place does not tell which snapshot it is the index of; "
                "name that with --tag, and the stack with --stack"
            )
        return folder or path, [msgspec.structs.replace(file, mirror=mirror)]

    def descend(
        self,
        root: str,
        top: str,
        seen: set[tuple[int, int]] | None = None,
        links: list[str] | None = None,
    ) -> Iterator[Group]:
        """Yield the folders at or below `top` that hold packages' folders, or that above it.

        Where links are followed, those to folders are added to `links`, and folders in `seen` are
        left out.
        """
        # A folder's times do not tell where its links lead.
        known = self.known(root) if links is None else {}
        listings = self.listings.setdefault(root, {}) if links is None else {}
        skipped = len(root) + 1

        def level(folder: str, names: Sequence[str], pages: list[PageFile]) -> Level:
            return Level(folder, iter(names), pages, take_folders(known, folder), {})

        def visit(level: Level, name: str) -> list[str]:
            """Add the pages in a folder to those of its level; give the folders in it."""
            folder = f"{level.folder}/{name}"
            try:
                if seen is not None:
                    status = os.stat(folder)
                    if (status.st_dev, status.st_ino) in seen:
                        return []
                    seen.add((status.st_dev, status.st_ino))
                listing, entries = list_folder(
                    folder, root if links is None else "", level.known.get(name)
                )
            except OSError as error:
                name = path_text(folder[skipped:]) or "."
                self.rejects.append(unreadable(name, "folder", error))
                return []
            level.found[name] = listing
            if links is not None:
                links.extend(linked_folders(folder))
            for page_file in listing.pages:
                path = f"{folder}/{page_file}"
                page = path_text(path[skipped:])
                file = path if links is None else os.path.realpath(path)
                try:
                    status = entries[page_file].stat() if entries else os.stat(file)
                    level.pages.append(stamp_page(file, page, status))
                except OSError as error:
                    self.rejects.append(unreadable(page, "page", error))
            return listing.folders

        def visit_mirror(folder: str, found: Mirror, group: list[PageFile]) -> list[PageFile]:
            """Add a stack's indexes to the group of its snapshot; return any other mirror's."""
            mirror = name_mirror(
                folder, root, found.others, self.mirror, stands_alone=found.is_installation
            )
            if self.mirror[1] is not None:
                if self.alone not in (None, folder):
                    raise SourceError(
                        f"{root}: it holds several mirrors, {self.alone} and {folder} among them, "
                        "and --stack is for one alone; leave it out where their places tell it"
                    )
                self.alone = folder
            for name in found.missing:
                page = path_text(f"{folder}/{name}"[skipped:])
                self.rejects.append(Reject(page, 1, RejectCode.UNREADABLE, missing_index(folder)))
            files = []
            for index in found.indexes:
                page = path_text(index.path[skipped:])
                try:
                    if links is None:
                        check_inside(index.path, root)
                    file = stamp_page(index.path, page, os.stat(index.path))
                except OSError as error:
                    self.rejects.append(unreadable(page, "index", error))
                    continue
                bounds = os.fsencode(root) if links is None else None
                named = MirrorName(mirror.tag, index.view or mirror.stack, bounds)
                files.append(msgspec.structs.replace(file, mirror=named))
            if mirror.tag != folder_name(os.path.dirname(folder)) or mirror.stack is None:
                return files
            group.extend(files)
            return []

        way = [level(os.path.dirname(top).rstrip("/"), [os.path.basename(top)], [])]
        while way:
            at = way[-1]
            for name in at.names:
                folder = f"{at.folder}/{name}"
                folders = visit(at, name)
                own: list[PageFile] = []
                # Only in a mirror are these names its own; elsewhere one may be a package's.
                if (mirror := find_mirror(folder, folders, self.mirror[1])) is not None:
                    folders = mirror.others
                    own = visit_mirror(folder, mirror, at.pages)
                if folders or own:
                    way.append(level(folder, self.asked_for(folders), own))
                    break
            else:
                way.pop()
                if links is None:
                    listings[os.fsencode(at.folder)] = pack_folders(at.found, self.settled_ns)
                if at.pages:
                    self.ahead = sum(length_hint(above.names) for above in way)
                    yield at.folder, at.pages

    def asked_for(self, names: Sequence[str]) -> Sequence[str]:
        """Leave out folders of snapshots that are not asked for; any may be the one stack's."""
        if not self.only or self.mirror[1] is not None:
            return names
        return [name for name in names if name in self.only or not is_snapshot(name)]


def no_page_of(tags: Iterable[str]) -> SourceError:
    """Say that tags were asked for that no page names."""
    return SourceError(
        f"no page of {', '.join(sorted(tags))} in the sources; "
        "without --tag all that they hold is read"
    )


def nothing_read(sources: Iterable[Path], rejects: Sequence[Reject]) -> SourceError:
    """Say why nothing in the sources could be read."""
    reasons = [f"{reject.page}: {reject.message}" for reject in rejects[:FEW_REASONS]]
    if len(rejects) > FEW_REASONS:
        reasons.append(f"and {len(rejects) - FEW_REASONS} more")
    return SourceError("\n".join([f"{', '.join(map(str, sources))}: nothing to read", *reasons]))


def missing_index(folder: str) -> str:
    """Say that the mirror that a folder is has specs but no index, and what to do."""
    return (
        "specs were pushed to this mirror, but it has no index; write one with "
        f"'spack buildcache update-index {path_text(folder)}'"
    )


def tell_apart(groups: Iterable[Group]) -> Iterator[Group]:
    """Put together what comes of one folder, each file once and under a name of its own."""
    paths, names = set(), set()
    together: dict[str, list[PageFile]] = {}
    for folder, pages in groups:
        group = together.setdefault(folder, [])
        for page in pages:
            if page.path in paths:
                continue
            if page.page in names:
                page = msgspec.structs.replace(page, page=path_text(os.fsdecode(page.path)))
            paths.add(page.path)
            names.add(page.page)
            group.append(page)
        if group:
            yield folder, group


def is_index(path: str) -> bool:
    """Return whether a file is an index and no page: by its place, else by how it begins."""
    if index_at(path) is not None or path.endswith(".json"):
        return True
    try:
        with open(path, "rb") as stream:
            return stream.read(4).removeprefix(codecs.BOM_UTF8)[:1] == b"{"
    except OSError:
        return False
