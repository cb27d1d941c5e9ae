"""Which folders are mirrors of a build cache, and of which snapshot and stack.

The public cache's tree is `TAG/STACK/`, each stack's mirror, and `TAG/` itself, the mirror of
`root`. A mirror anywhere else stands alone: it has the snapshot that the user names or its folder,
and no stack unless the user names one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import msgspec

from pipeline.mirrors import INDEXES, RESERVED_NAMES, ROOT, split_index
from pipeline.names import path_text

# Folders of which site and cache have one a snapshot, named for it.
SNAPSHOT_FOLDER = re.compile(r"develop(-[0-9]{4}-[0-9]{2}-[0-9]{2})?|v[0-9]+\.[0-9]+\.[0-9]+")


class MirrorName(msgspec.Struct, frozen=True, array_like=True):
    """The snapshot and the stack that a mirror holds; a mirror that stands alone may have none."""

    tag: str
    stack: str | None


def is_snapshot(folder: str) -> bool:
    """Whether a folder is named for a snapshot.

    >>> is_snapshot("/cache/develop-2024-10-20"), is_snapshot("/cache/develop-2024-10-20/e4s")
    (True, False)
    """
    return bool(SNAPSHOT_FOLDER.fullmatch(os.path.basename(folder)))


def folder_name(folder: str) -> str:
    """Give what a folder calls the snapshot or stack in it, as text."""
    return path_text(os.path.basename(folder))


def index_files(folder: str) -> list[str]:
    """Give the indexes of the mirror that a folder is, the newer layout first; none: it is none."""
    return [
        path
        for layout in sorted(INDEXES, reverse=True)
        if os.path.isfile(path := f"{folder}/{INDEXES[layout]}")
    ]


def mirror_of(file: str) -> str | None:
    """Give the mirror whose index a file is, by its path; None: its path does not tell."""
    folder, layout = split_index(file)
    return None if layout is None else folder


def name_mirror(
    folder: str, root: str, children: Sequence[str], given: tuple[str | None, str | None]
) -> MirrorName:
    """Name the mirror that a folder is, found below `root`.

    `children` are the names of the folders in it, `given` what the user calls a mirror that stands
    alone; where a stack is given, any mirror is taken to stand alone.
    """
    tag, stack = given
    parent = os.path.dirname(folder)
    if stack is None:
        if is_snapshot(folder) or any(index_files(f"{folder}/{name}") for name in children):
            return MirrorName(folder_name(folder), ROOT)
        # Of two folders below the source the upper one is the snapshot, whatever its name.
        is_in_tree = parent != root and parent.startswith(f"{root}/")
        if is_in_tree or is_snapshot(parent) or (folder != root and index_files(parent)):
            return MirrorName(folder_name(parent), folder_name(folder))
    return MirrorName(tag or folder_name(folder), stack)


def other_folders(names: Sequence[str]) -> list[str]:
    """Leave out what a mirror keeps in folders of its own, which is much and no page."""
    return [name for name in names if name not in RESERVED_NAMES]
