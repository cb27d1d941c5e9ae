"""Find page files and read their bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from pipeline.errors import SourceError
from pipeline.rejects import PageError, Reject, RejectCode

MAX_PAGE_BYTES = 128 * 1024 * 1024


class PageFile(msgspec.Struct, frozen=True, array_like=True):
    """A page's place on disk, its name in the tables, and what tells whether it has changed.

    `page` is its path below SOURCE; the times are of its last change, in nanoseconds.
    """

    path: str
    page: str
    size: int
    mtime_ns: int
    ctime_ns: int


class FolderListing(msgspec.Struct, frozen=True, array_like=True):
    """The folders and pages in a folder, and the times that would tell of any other."""

    mtime_ns: int
    ctime_ns: int
    folders: list[str]
    pages: list[str]


Listings = dict[str, FolderListing]  # by the folder's path
Group = tuple[str, list[PageFile]]  # a folder, and the pages in the folders in it


class Search:
    """A walk over sources, which yields each folder's pages as soon as it has them all.

    Pages go by the folder that holds their packages' folders: `_cache/TAG`. What can't be read is
    in `rejects`, the folders walked are in `listings`, by source.

    Links to folders are not followed, nor links to files outside of their source, but with
    `follow_links`: then each file is read once, however many links lead to it. `known` gives the
    folders of a source as they were listed before, where that is known.

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
        follow_links: bool = False,
    ) -> None:
        self.sources = sources
        self.known = known
        self.follow_links = follow_links
        self.rejects: list[Reject] = []
        self.listings: dict[str, Listings] = {}
        for source in sources:
            if not (source.is_file() or source.is_dir()):
                raise SourceError(
                    f"{source}: no such file or folder; "
                    "name a page, or a folder with pages (*.md) in or below it"
                )

    def groups(self) -> Iterator[Group]:
        """Yield folders with their pages in the order of their names.

        A folder comes again, whole, where a link or a further source adds pages to it. A file that
        comes again is dropped; one whose name is taken goes by its whole path.

        Raises
        ------
        SourceError
            There is no page in any of the sources.
        """
        groups: Iterator[Group] = (group for source in self.sources for group in self.walk(source))
        if self.follow_links or len(self.sources) > 1:
            groups = tell_apart(groups)
        is_empty = True
        for folder, pages in groups:
            is_empty = False
            yield folder, sorted(pages, key=attrgetter("page"))
        if is_empty and not self.rejects:
            raise SourceError(
                f"{', '.join(map(str, self.sources))}: no page (*.md) in or below it; "
                "a clone of the cache's site has them in its folder _cache"
            )

    def walk(self, source: Path) -> Iterator[Group]:
        """Yield the folders at or below one source that hold packages' folders."""
        root = os.path.realpath(source)
        if not os.path.isdir(root):
            page = stamp_page(root, page_name(source.name), os.stat(root))
            yield os.path.dirname(os.path.dirname(root)), [page]
        elif self.follow_links:
            # What is there without links comes first, and so is known by its own name.
            seen: set[tuple[int, int]] = set()
            folders = [root]
            for folder in folders:
                yield from self.descend(root, folder, seen, folders)
        else:
            yield from self.descend(root, root)

    def descend(
        self,
        root: str,
        top: str,
        seen: set[tuple[int, int]] | None = None,
        links: list[str] | None = None,
    ) -> Iterator[Group]:
        """Yield the folders at or below `top` that hold packages' folders, and that above it.

        Where links are followed, those to folders are added to `links`, and folders in `seen` are
        left out.
        """
        # A folder's times do not tell where its links lead.
        known = self.known(root) if links is None else {}
        listings = self.listings.setdefault(root, {}) if links is None else {}
        skipped = len(root) + 1

        def visit(folder: str, group: list[PageFile]) -> list[str]:
            """Add the pages in a folder to those of its parent; give the folders in it."""
            try:
                if seen is not None:
                    status = os.stat(folder)
                    if (status.st_dev, status.st_ino) in seen:
                        return []
                    seen.add((status.st_dev, status.st_ino))
                listing = list_folder(folder, root if links is None else "", known.get(folder))
            except OSError as error:
                name = page_name(folder[skipped:]) or "."
                self.rejects.append(unreadable(name, "folder", error))
                return []
            listings[folder] = listing
            if links is not None:
                links.extend(linked_folders(folder))
            for name in listing.pages:
                path = f"{folder}/{name}"
                page = page_name(path[skipped:])
                file = path if links is None else os.path.realpath(path)
                try:
                    group.append(stamp_page(file, page, os.stat(file)))
                except OSError as error:
                    self.rejects.append(unreadable(page, "page", error))
            return listing.folders

        above: list[PageFile] = []
        # The folders on the way down: each with those in it that are still to be visited.
        way = [(top, iter(visit(top, above)), list[PageFile]())]
        while way:
            folder, names, group = way[-1]
            for name in names:
                child = f"{folder}/{name}"
                if children := visit(child, group):
                    way.append((child, iter(children), []))
                    break
            else:
                way.pop()
                if group:
                    yield folder, group
        if above:
            yield os.path.dirname(top), above


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
                page = msgspec.structs.replace(page, page=page_name(page.path))
            paths.add(page.path)
            names.add(page.page)
            group.append(page)
        if group:
            yield folder, group


def linked_folders(folder: str) -> list[str]:
    """Give the links to folders in a folder."""
    with os.scandir(folder) as entries:
        return sorted(e.path for e in entries if e.is_symlink() and os.path.isdir(e.path))


def unreadable(page: str, what: str, error: OSError) -> Reject:
    """Give the row for a folder or page that can't be read."""
    message = f"{what} can't be read: {error.strerror}"
    return Reject(page, 1, RejectCode.UNREADABLE, message)


def stamp_page(path: str, page: str, status: os.stat_result) -> PageFile:
    """Give a page as its file now is.

    Raises
    ------
    OSError
        It is no file but a pipe, a device or the like.
    """
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return PageFile(path, page, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def list_folder(path: str, root: str, known: FolderListing | None) -> FolderListing:
    """Give what is in a folder: as known, if its times are those that are known."""
    status = os.stat(path)
    if known and (known.mtime_ns, known.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns):
        return known
    listing = FolderListing(status.st_mtime_ns, status.st_ctime_ns, [], [])
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                listing.folders.append(entry.name)
            elif entry.name.endswith(".md") and is_page(entry, root):
                listing.pages.append(entry.name)
    listing.folders.sort()
    return listing


def is_page(entry: os.DirEntry[str], root: str) -> bool:
    """Whether an entry named like a page is one: no link to a folder, or to outside of `root`.

    A link to nothing stays, and what is no file: it can't be read, and that is said.
    """
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    return target.startswith(f"{root}/") and not os.path.isdir(target)


def page_name(path: str) -> str:
    """Give a path as text, bytes that are not UTF-8 written out as escapes."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_bytes(file: PageFile) -> bytes:
    """Read a page's bytes.

    Raises
    ------
    PageError
        It can't be read, or is larger than any page may be.
    """
    if file.size > MAX_PAGE_BYTES:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"expected at most {MAX_PAGE_BYTES} bytes, found {file.size}",
        )
    try:
        # Without Python's layers of buffers, which take as long as the reading.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            data = os.read(descriptor, file.size + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise PageError(RejectCode.UNREADABLE, f"can't be read: {error.strerror}") from error
    if len(data) != file.size:
        raise PageError(
            RejectCode.UNREADABLE, "changed while it was read; flatten again when it is settled"
        )
    return data
