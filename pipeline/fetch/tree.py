"""The tree of downloaded files, each at its path in the cache, and the state of the downloads.

The state is in the folder `.fetch`: `seen.json` has the URL and validators of each file; during a
run, a journal is appended to instead, so that one file of thousands costs only a line. Only files
that are recorded there are ever removed.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipeline.fetch.catalogue import folder_of
from pipeline.fetch.client import Draft, Seen
from pipeline.fetch.content import sha256_of
from pipeline.outputs import hold_lock
from pipeline.sources.mirror.layout import Blob

OWN_FOLDER = ".fetch"
SEEN_DECODER = msgspec.json.Decoder(dict[str, Seen])
JOURNAL_DECODER = msgspec.json.Decoder(tuple[str, Seen | None])


class Tree:
    """A folder of downloaded files; paths are relative to it, with slashes."""

    def __init__(self, folder: Path) -> None:
        own = folder / OWN_FOLDER
        self.folder = folder
        self.drafts = own / "drafts"
        self.memory = own / "seen.json"
        self.journal = own / "journal"
        self.numbers = itertools.count()
        self.seen = self._recall()
        # Scanning all of it for each of thousands of mirrors would take minutes.
        self.by_folder: dict[str | None, set[str]] = defaultdict(set)
        for path in self.seen:
            self.by_folder[folder_of(path)].add(path)

    def _recall(self) -> dict[str, Seen]:
        """Read the state, and the journal of a killed run."""
        try:
            seen = SEEN_DECODER.decode(self.memory.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            seen = {}  # No state, or that of another version: everything is requested anew.
        try:
            lines = self.journal.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                path, state = JOURNAL_DECODER.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break  # Only the last line can be truncated by a kill.
            if state is None:
                seen.pop(path, None)
            else:
                seen[path] = state
        return seen

    def file(self, path: str) -> Path:
        """Return the location of a file."""
        return self.folder / path

    def new_draft(self) -> Path:
        """Return a new temporary file to download to."""
        return self.drafts / str(next(self.numbers))

    def paths(self, folder: str) -> list[str]:
        """Return the paths of a mirror's recorded files."""
        return sorted(self.by_folder[folder])

    def known(self, path: str, url: str) -> Seen | None:
        """Return the record of a file downloaded from a URL, if the file is unmodified."""
        seen = self.seen.get(path)
        return seen if seen and seen.url == url and self._is_unaltered(path, seen) else None

    def _is_unaltered(self, path: str, seen: Seen) -> bool:
        try:
            status = self.file(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (status.st_size, status.st_mtime_ns) == (seen.size, seen.mtime_ns)

    def holds(self, path: str, blob: Blob) -> bool:
        """Return whether a blob is there and intact; its checksum is computed unless recorded."""
        seen = self.seen.get(path)
        if seen and seen.size == blob.content_length and self._is_unaltered(path, seen):
            return True
        file = self.file(path)
        return (
            file.is_file()
            and file.stat().st_size == blob.content_length
            and sha256_of(file) == blob.checksum
        )

    def publish(self, draft: Draft, path: str) -> None:
        """Move a draft to its path.

        It is recorded first, so that a run killed in between leaves no unrecorded file; the
        modification time tells the old file from the recorded one.
        """
        self._remember(path, draft.seen)
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.path.replace(file)

    def touch(self, path: str) -> None:
        """Update a file's modification time, so that readers see that a file it names changed."""
        file = self.file(path)
        os.utime(file)
        seen = self.seen.get(path)
        if seen:
            self._remember(path, msgspec.structs.replace(seen, mtime_ns=file.stat().st_mtime_ns))

    def remove(self, path: str) -> None:
        """Remove a downloaded file, and the folders that it leaves empty."""
        self.file(path).unlink(missing_ok=True)
        for folder in self.file(path).parents:
            if folder == self.folder or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
        self._remember(path, None)

    def _remember(self, path: str, seen: Seen | None) -> None:
        # Do not follow a symbolic link: it may lead to any file of the user's.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.journal, flags, 0o666)
        try:
            os.write(descriptor, msgspec.json.encode((path, seen)) + b"\n")
        finally:
            os.close(descriptor)
        if seen is None:
            self.seen.pop(path, None)
            self.by_folder[folder_of(path)].discard(path)
        else:
            self.seen[path] = seen
            self.by_folder[folder_of(path)].add(path)

    def close(self) -> None:
        """Write the state to one file, and remove the journal."""
        if self.journal.exists():
            draft = self.drafts / self.memory.name
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(self.seen), indent=1))
            draft.replace(self.memory)
            self.journal.unlink()


def restamp(draft: Draft) -> Draft:
    """Return a rewritten draft with its current size and modification time."""
    status = draft.path.stat()
    seen = msgspec.structs.replace(draft.seen, size=status.st_size, mtime_ns=status.st_mtime_ns)
    return Draft(draft.path, seen)


@contextmanager
def open_tree(folder: Path, waits: Callable[[], None]) -> Iterator[Tree]:
    """Open the tree in a folder for one run at a time, and remove drafts of killed runs."""
    with hold_lock(folder / OWN_FOLDER / "lock", waits=waits):
        tree = Tree(folder)
        shutil.rmtree(tree.drafts, ignore_errors=True)
        tree.drafts.mkdir()
        tree.close()
        try:
            yield tree
        finally:
            try:
                tree.close()
            finally:
                shutil.rmtree(tree.drafts, ignore_errors=True)
