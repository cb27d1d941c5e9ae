"""The tree that `fetch` keeps: each file at the path that it has in the cache, and what it was.

Beside the files lies a folder `.fetch`: what came from where and with which validators, drafts
not yet at their place, and the lock between runs. Only files that are remembered there are ever
removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipeline.fetch.catalogue import owner_of
from pipeline.fetch.client import Draft, Seen
from pipeline.outputs import hold_lock

OWN_FOLDER = ".fetch"


class Tree:
    """A folder of fetched files; paths are relative to it, with slashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drafts = folder / OWN_FOLDER / "drafts"
        self.memory = folder / OWN_FOLDER / "seen.json"
        try:
            self.seen = msgspec.json.decode(self.memory.read_bytes(), type=dict[str, Seen])
        except (FileNotFoundError, msgspec.DecodeError):
            self.seen = {}  # Nothing remembered, or by another version: all is asked for anew.

    def file(self, path: str) -> Path:
        """Give a file's place."""
        return self.folder / path

    def paths(self, folder: str, layout: int) -> list[str]:
        """Give what is remembered of a mirror."""
        return [path for path in self.seen if owner_of(path) == (folder, layout)]

    def known(self, path: str, address: str) -> Seen | None:
        """Give what a file was as it came from an address, if it still lies there so."""
        seen = self.seen.get(path)
        if seen is None or seen.address != address:
            return None
        try:
            status = self.file(path).stat()
        except FileNotFoundError:
            return None
        is_same = (status.st_size, status.st_mtime_ns) == (seen.size, seen.mtime_ns)
        return seen if is_same else None

    def holds(self, path: str, size: int) -> bool:
        """Whether a file of that many bytes lies there."""
        file = self.file(path)
        return file.is_file() and file.stat().st_size == size

    def publish(self, draft: Draft, path: str) -> None:
        """Put a draft at its place.

        It is remembered before: a run killed in between leaves nothing that nobody knows of, and
        its time tells the file that lies there from the one remembered.
        """
        self._remember(self.seen | {path: draft.seen})
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.path.replace(file)

    def remove(self, path: str) -> None:
        """Remove a file that was fetched, and the folders that it leaves empty."""
        self.file(path).unlink(missing_ok=True)
        for folder in self.file(path).parents:
            if folder == self.folder or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
        self._remember({name: seen for name, seen in self.seen.items() if name != path})

    def _remember(self, seen: dict[str, Seen]) -> None:
        draft = self.drafts / self.memory.name
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(seen), indent=1))
        draft.replace(self.memory)
        self.seen = seen


@contextmanager
def open_tree(folder: Path, waits: Callable[[], None]) -> Iterator[Tree]:
    """Give the tree below a folder to one run at a time, free of what killed ones have left."""
    with hold_lock(folder / OWN_FOLDER / "lock", waits=waits):
        tree = Tree(folder)
        shutil.rmtree(tree.drafts, ignore_errors=True)
        tree.drafts.mkdir()
        try:
            yield tree
        finally:
            shutil.rmtree(tree.drafts, ignore_errors=True)
