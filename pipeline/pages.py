"""Find page files and read their bytes."""

from __future__ import annotations

import os
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
) -> Found:
    """Find every `*.md` at or below `sources`.

    `known` gives the folders of a source as they were listed before, where that is known; `many`
    is a number of pages, and what is to be done as soon as so many are found. Links to folders
    are not followed, nor links to files outside of their source.

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
            found.listings[path] = {}
            for page in walk_source(path, known(path), found):
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


def walk_source(root: str, known: Listings, found: Found) -> Iterator[PageFile]:
    """Yield the pages below `root`; adds to the listings and rejects of `found`."""
    folders = [""]
    while folders:
        folder = folders.pop()
        path = f"{root}/{folder}"
        try:
            listing = list_folder(path, root, known.get(path))
        except OSError as error:
            found.rejects.append(unreadable(page_name(folder) or ".", "folder", error))
            continue
        found.listings[root][path] = listing
        folders.extend([f"{folder}{name}/" for name in listing.folders])
        for name in listing.pages:
            page = page_name(f"{folder}{name}")
            try:
                yield stamp_page(path + name, page, os.stat(path + name))
            except OSError as error:
                found.rejects.append(unreadable(page, "page", error))


def unreadable(page: str, what: str, error: OSError) -> Reject:
    """Give the row for a folder or page that can't be read."""
    message = f"{what} can't be read: {error.strerror}"
    return Reject(page, 1, RejectCode.UNREADABLE, message)


def stamp_page(path: str, page: str, status: os.stat_result) -> PageFile:
    """Give a page as its file now is."""
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

    A link to nothing stays: it can't be read, and that is said.
    """
    if not entry.is_symlink():
        return entry.is_file()
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
