"""The sources of one run: the files that they cover, and whether they still exist."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.sources.files import PageFile
from pipeline.sources.rejects import Reject, RejectCode
from pipeline.tables.state import GroupState


class Sources:
    """The sources of a run: their real paths and identities."""

    def __init__(self, sources: Sequence[Path]) -> None:
        self.roots = sorted({os.path.realpath(source) for source in sources})
        self.inodes = [os.stat(root)[1:3] for root in self.roots]

    def names(self) -> list[bytes]:
        """Return the sources as in state files."""
        return [os.fsencode(root) for root in self.roots]

    def of_group(self, folder: str) -> list[bytes]:
        """Return the sources that contain a group's folder, or that it contains."""
        return [
            os.fsencode(root)
            for root in self.roots
            if is_within(folder, root) or is_within(root, folder)
        ]

    def split(self, folder: str, files: Sequence[PageFile]) -> dict[str, Sequence[PageFile]]:
        """Return groups of the files of a folder, one per source if it is above all of them.

        Otherwise adjacent sources with pages but without folders would count as one. Indexes stay
        together: those of one snapshot are decoded together.
        """
        if any(is_within(folder, root) for root in self.roots):
            return {folder: files}
        groups: dict[str, list[PageFile]] = {}
        for file in files:
            path = os.fsdecode(file.path)
            roots = (root for root in self.roots if is_within(path, root))
            group = folder if file.mirror else f"{next(roots, folder)}/."
            groups.setdefault(group, []).append(file)
        return dict(groups)

    def cover(self, paths: Iterable[bytes]) -> bool:
        """Return whether each path is in one of the sources."""
        return all(any(is_within(os.fsdecode(p), root) for root in self.roots) for p in paths)

    def cover_group(self, folder: str, state: GroupState) -> bool:
        """Return whether the sources cover all the files that a group had when it was read."""
        return self.cover([os.fsencode(folder)]) or self.cover(state.sources)

    def missing(self, rejects: Iterable[Reject]) -> list[str]:
        """Return sources that are gone or replaced, else unreadable files that are gone."""
        return [
            root
            for root, inode in zip(self.roots, self.inodes, strict=True)
            if not os.path.exists(root) or os.stat(root)[1:3] != inode
        ] or [
            reject.page
            for reject in rejects
            if reject.code == RejectCode.UNREADABLE
            and not any(os.path.lexists(os.path.join(root, reject.page)) for root in self.roots)
        ]


def is_within(path: str, folder: str) -> bool:
    """Return whether a path is a folder, or below it.

    >>> is_within("/a/b", "/a"), is_within("/ab", "/a"), is_within("/a", "/")
    (True, False, True)
    """
    return path == folder or path.startswith(folder.rstrip("/") + "/")
