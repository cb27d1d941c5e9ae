"""Find page files and read their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.rejects import PageError, Reject, RejectCode

MAX_PAGE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class PageFile:
    """A page's place on disk, and its name in the tables: its path below SOURCE."""

    path: str
    page: str


def find_pages(sources: Iterable[Path]) -> tuple[list[PageFile], list[Reject]]:
    """Find every `*.md` at or below `sources`, in the order of their names.

    Returns the pages, and a reject for each folder that can't be read. Links to folders are
    not followed, nor links to files outside of their source.

    Raises
    ------
    SourceError
        A source does not exist, or there is no page in any of them.
    """
    pages: list[PageFile] = []
    rejects: list[Reject] = []
    for source in sources:
        if source.is_file():
            pages.append(PageFile(os.path.realpath(source), page_name(source.name)))
        elif source.is_dir():
            pages.extend(_walk(source, rejects))
        else:
            raise SourceError(
                f"{source}: no such file or folder; "
                "name a page, or a folder with pages (*.md) in or below it"
            )
    if not pages and not rejects:
        raise SourceError(
            f"{', '.join(map(str, sources))}: no page (*.md) in or below it; "
            "a clone of the cache's site has them in its folder _cache"
        )
    return sorted(name_apart(pages), key=lambda file: file.page), rejects


def name_apart(pages: Iterable[PageFile]) -> Iterator[PageFile]:
    """Drop a file that comes again, and name by its whole path one whose name is taken."""
    paths, names = set(), set()
    for file in pages:
        if file.path in paths:
            continue
        if file.page in names:
            file = PageFile(file.path, page_name(file.path))
        paths.add(file.path)
        names.add(file.page)
        yield file


def _walk(source: Path, rejects: list[Reject]) -> Iterator[PageFile]:
    """Yield the pages below `source`; a folder that can't be read adds to `rejects`."""
    root = os.path.realpath(source)
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{folder}{entry.name}/")
                    elif entry.name.endswith(".md") and is_page(entry, root):
                        yield PageFile(entry.path, page_name(f"{folder}{entry.name}"))
        except OSError as error:
            message = f"folder can't be read: {error.strerror}"
            rejects.append(Reject(page_name(folder) or ".", 1, RejectCode.UNREADABLE, message))


def is_page(entry: os.DirEntry[str], root: str) -> bool:
    """Whether an entry named like a page is a file, and not a link to one outside of `root`."""
    if entry.is_symlink() and not os.path.realpath(entry.path).startswith(f"{root}/"):
        return False
    return entry.is_file()


def page_name(path: str) -> str:
    """Give a path as text, bytes that are not UTF-8 written out as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_bytes(file: PageFile) -> bytes:
    """Read a page's bytes.

    Raises
    ------
    PageError
        It can't be read, or is larger than any page may be.
    """
    try:
        with open(file.path, "rb", buffering=0) as stream:
            data = stream.read(MAX_PAGE_BYTES + 1)
    except OSError as error:
        raise PageError(RejectCode.UNREADABLE, f"can't be read: {error.strerror}") from error
    if len(data) > MAX_PAGE_BYTES:
        raise PageError(
            RejectCode.BAD_VALUE, f"expected at most {MAX_PAGE_BYTES} bytes, found more"
        )
    return data
