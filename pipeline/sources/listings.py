"""What is in a folder, and the times that tell of any change there, to be remembered.

A folder whose times are as they were has the names that it had. Since a history has a folder for
each page, what is remembered is packed: the folders in one folder together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from pipeline.sources.files import file_times


class FolderListing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The folders and pages in a folder, and the times that would tell of any other.

    They do not tell where the links to pages lead, if it `has_links`.
    """

    mtime_ns: int
    ctime_ns: int
    folders: list[str]
    pages: list[str]
    has_links: bool


Folders = dict[str, FolderListing]  # those in one folder, by name
Listings = dict[bytes, bytes]  # the folders in each folder of a source, packed, by its path
FOLDERS_DECODER = msgspec.msgpack.Decoder(Folders)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)  # of what was remembered and is damaged


def pack_folders(folders: Mapping[str, FolderListing], settled_ns: int) -> bytes:
    """Pack the folders in one folder that were last changed before a time.

    A file name that is no UTF-8 can't be packed: the folders beside it are listed each time.
    """
    settled = {
        name: listing
        for name, listing in folders.items()
        if max(listing.mtime_ns, listing.ctime_ns) < settled_ns and not listing.has_links
    }
    try:
        return msgspec.msgpack.encode(settled)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode({})


def take_folders(listings: Listings, folder: str) -> Folders:
    """Take out the folders in one folder as they were listed; none where that is not known."""
    packed = listings.pop(os.fsencode(folder), None)
    try:
        return FOLDERS_DECODER.decode(packed) if packed else {}
    except UNREADABLE:
        return {}


def list_folder(
    path: str, root: str, known: FolderListing | None
) -> tuple[FolderListing, dict[str, os.DirEntry[str]]]:
    """Give what is in a folder, and its pages' entries.

    As known, and without the entries, if its times are those that are known.
    """
    times = file_times(os.stat(path))
    if known and (known.mtime_ns, known.ctime_ns) == times:
        return known, {}
    folders, pages, has_links = [], {}, False
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif name.endswith(".md"):
                is_link = entry.is_symlink()
                has_links |= is_link
                if not (is_link and leads_away(entry, root)):
                    pages[name] = entry
    return FolderListing(*times, sorted(folders), list(pages), has_links), pages


def leads_away(link: os.DirEntry[str], root: str) -> bool:
    """Whether a link named like a page is none: it leads to a folder, or to outside of `root`.

    A link to nothing stays: it can't be read, and that is said.
    """
    target = os.path.realpath(link.path)
    return not target.startswith(f"{root}/") or os.path.isdir(target)


def linked_folders(folder: str) -> list[str]:
    """Give the links to folders in a folder."""
    with os.scandir(folder) as entries:
        return sorted(e.path for e in entries if e.is_symlink() and os.path.isdir(e.path))
