"""Folder listings, kept between runs: a folder is listed again only if its times changed.

A source has one folder per page, so listings are stored packed, with all subfolders of a folder
together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from pipeline.sources.files import file_times

MANIFEST = "spack.yaml"  # an environment file, by its name


class FolderListing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The folders and pages in a folder, with the folder's times in nanoseconds.

    `has_stack`: there is an environment file, spack.yaml.

    The times change when an entry is added or removed, but not when a link to a page is retargeted,
    hence `has_links`.
    """

    mtime_ns: int
    ctime_ns: int
    folders: list[str]
    pages: list[str]
    has_links: bool
    has_stack: bool


Folders = dict[str, FolderListing]  # the subfolders of one folder, by name
Listings = dict[bytes, bytes]  # packed `Folders` of each folder of a source, by path
FOLDERS_DECODER = msgspec.msgpack.Decoder(Folders)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)  # raised by damaged state files


def pack_folders(folders: Mapping[str, FolderListing], settled_ns: int) -> bytes:
    """Pack the subfolders of one folder that last changed before `settled_ns`.

    File names that are not UTF-8 can't be packed; then none of them are kept.
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
    """Remove the subfolders of one folder from `listings`, and return them; none if unknown."""
    packed = listings.pop(os.fsencode(folder), None)
    try:
        return FOLDERS_DECODER.decode(packed) if packed else {}
    except UNREADABLE:
        return {}


def list_folder(
    path: str, root: str, known: FolderListing | None
) -> tuple[FolderListing, dict[str, os.DirEntry[str]]]:
    """List a folder; return the listing, and the directory entries of its pages by name.

    A `known` listing with the same times is returned unchanged, without entries. Links that lead
    out of `root` are left out.
    """
    times = file_times(os.stat(path))
    if known and (known.mtime_ns, known.ctime_ns) == times:
        return known, {}
    folders, pages, has_links, has_stack = [], {}, False, False
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif name.endswith(".md") or name == MANIFEST:
                is_link = entry.is_symlink()
                has_links |= is_link
                if is_link and leads_away(entry, root):
                    continue
                if name == MANIFEST:
                    has_stack = True
                else:
                    pages[name] = entry
    return FolderListing(*times, sorted(folders), list(pages), has_links, has_stack), pages


def leads_away(link: os.DirEntry[str], root: str) -> bool:
    """Return whether a link named like a page leads to a folder, or out of `root`.

    A dangling link does not: it is listed, can't be read, and is rejected.
    """
    target = os.path.realpath(link.path)
    return not target.startswith(f"{root}/") or os.path.isdir(target)


def linked_folders(folder: str) -> list[str]:
    """Return the links to folders in a folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(e.path for e in entries if e.is_symlink() and os.path.isdir(e.path))
