"""Find page files and read their bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Found:
    """The pages below some sources in the order of their names, and what could not be read.

    `listings` has the folders walked, by source.
    """

    pages: list[PageFile]
    rejects: list[Reject]
    listings: dict[str, Listings]


def find_pages(
    sources: Iterable[Path],
    known: Callable[[str], Listings] = lambda _: {},
    many: tuple[int, Callable[[], None] | None] = (0, None),
    *,
    follow_links: bool = False,
) -> Found:
    """Find every `*.md` at or below `sources`.

    `known` gives the folders of a source as they were listed before, where that is known; `many`
    is a number of pages, and what is to be done as soon as so many are found. Links to folders
    are not followed, nor links to files outside of their source, but with `follow_links`: then
    each file is read once, however many links lead to it.

    Raises
    ------
    SourceError
        A source does not exist, or there is no page in any of them.
    """
    found = Found([], [], {})
    for source in sources:
        path = os.path.realpath(source)
        if os.path.isfile(path):
            found.pages.append(stamp_page(path, page_name(source.name), os.stat(path)))
        elif os.path.isdir(path):
            # A folder's times do not tell where its links lead.
            listings = found.listings.setdefault(path, {}) if not follow_links else None
            for page in walk_source(path, {} if follow_links else known(path), found, listings):
                found.pages.append(page)
                if many[1] and len(found.pages) == many[0]:
                    many[1]()
        else:
            raise SourceError(
                f"{source}: no such file or folder; "
                "name a page, or a folder with pages (*.md) in or below it"
            )
    if not found.pages and not found.rejects:
        raise SourceError(
            f"{', '.join(map(str, sources))}: no page (*.md) in or below it; "
            "a clone of the cache's site has them in its folder _cache"
        )
    pages = sorted(name_apart(found.pages), key=attrgetter("page"))
    return Found(pages, found.rejects, found.listings)


def walk_source(
    root: str, known: Listings, found: Found, listings: Listings | None
) -> Iterator[PageFile]:
    """Yield the pages below `root`; adds to `listings` and to the rejects of `found`.

    Without `listings` links are followed: after all that is there without them.
    """
    folders, links = [""], list[str]()
    seen = set()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        path = f"{root}/{folder}"
        try:
            if listings is None:
                status = os.stat(path)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            listing = list_folder(path, root if listings is not None else "", known.get(path))
        except OSError as error:
            found.rejects.append(unreadable(page_name(folder) or ".", "folder", error))
            continue
        if listings is not None:
            listings[path] = listing
        else:
            links.extend(sorted(f"{folder}{name}/" for name in linked_folders(path)))
        folders.extend([f"{folder}{name}/" for name in listing.folders])
        for name in listing.pages:
            page = page_name(f"{folder}{name}")
            file = path + name if listings is not None else os.path.realpath(path + name)
            try:
                yield stamp_page(file, page, os.stat(file))
            except OSError as error:
                found.rejects.append(unreadable(page, "page", error))


def linked_folders(path: str) -> list[str]:
    """Give the links to folders in a folder."""
    with os.scandir(path) as entries:
        return [e.name for e in entries if e.is_symlink() and os.path.isdir(e.path)]


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
    return listing


def is_page(entry: os.DirEntry[str], root: str) -> bool:
    """Whether an entry named like a page is one: no link to a folder, or to outside of `root`.

    A link to nothing stays, and what is no file: it can't be read, and that is said.
    """
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    return target.startswith(f"{root}/") and not os.path.isdir(target)


def name_apart(pages: Iterable[PageFile]) -> Iterator[PageFile]:
    """Drop a file that comes again, and name by its whole path one whose name is taken."""
    paths, names = set(), set()
    for file in pages:
        if file.path in paths:
            continue
        if file.page in names:
            file = msgspec.structs.replace(file, page=page_name(file.path))
        paths.add(file.path)
        names.add(file.page)
        yield file


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
