"""The state of earlier runs, kept beside the tables, so that only what changed is read again.

A file is identified by path, size and times. Where these can't tell, because it was written at the
time that it was read, its content decides. Damaged state costs a full run, never a wrong row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import archspec
import msgspec

from pipeline import __version__
from pipeline.outputs import STATE_FOLDER
from pipeline.sources.files import TICK_NS, PackedPages, PageFile, file_times, read_bytes
from pipeline.sources.listings import UNREADABLE, Listings
from pipeline.sources.mirror.layout import MANIFEST, index_blob, mirror_folder
from pipeline.sources.rejects import PageError, Reject

PACKAGE = Path(__file__).parent.parent
Stamp = tuple[int, int, int]  # size in bytes, times of modification and change in nanoseconds
ContentStamp = tuple[int, int]  # size in bytes, time of modification in nanoseconds


class GroupState(msgspec.Struct, frozen=True):
    """A group of files as it was read: the files of one folder, mostly one snapshot.

    `fingerprint` identifies the version that read it, `sources` are the sources that it was found
    in, `tags` those that it has rows of, `parts` the files of the tables that hold them. `untagged`
    are its rejects that name no snapshot. `digests` are those of files whose times may not tell of
    a change, `blobs` the stamps of the layout 3 indexes that its manifests name. `is_stale` has it
    read again whatever its files look like.
    """

    fingerprint: str
    sources: list[bytes]
    pages: PackedPages
    page_count: int
    tags: list[str]
    parts: list[str]
    untagged: list[Reject]
    digests: dict[bytes, str]
    blobs: dict[bytes, Stamp | None]
    is_stale: bool = False


class StacksState(msgspec.Struct, frozen=True):
    """The environment files that were published: a digest of them, and what was rejected."""

    digest: str
    rejects: list[Reject]


class IntentState(msgspec.Struct, frozen=True):
    """The states of stack roots in a snapshot: rows of stack_states, packed.

    `made_of` identifies the rows of the snapshot and of stack_roots that they were judged by.
    """

    made_of: str
    rows: bytes


class SearchState(msgspec.Struct, frozen=True):
    """What could not be read while `sources` were searched."""

    sources: list[bytes]
    rejects: list[Reject]


class DatabaseState(msgspec.Struct, frozen=True):
    """What a database was built from.

    `code` identifies the pipeline's version and its SQL, `stamp` the file of the database, and
    `parts` the files of the tables, by their paths below the folder of tables.
    """

    code: str
    stamp: ContentStamp | None
    parts: dict[str, ContentStamp | None]


class TablesSummary(msgspec.Struct, frozen=True):
    """What the tables hold: counts of pages, snapshots and specs, and of rejects by code.

    `kept_tags` are the snapshots of sources that the run did not name.
    """

    page_count: int
    tag_count: int
    spec_count: int
    rejected: dict[str, int]
    lock_count: int = 0
    lock_spec_count: int = 0
    stack_count: int = 0  # with environment files
    root_count: int = 0
    kept_tags: list[str] = []
    losses: dict[str, int] = {}  # specs, by the file that gave them and can't be read any more
    refused_files: list[str] = []  # the first pages and indexes rejected whole, with the reasons


def fingerprint() -> str:
    """Return a digest of this version of the pipeline, its schemas and archspec's facts.

    The code is part of it, since a checkout changes without a new version.
    """
    digest = hashlib.sha256(f"{__version__} {archspec.__version__}".encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_unchanged(state: GroupState, pages: PackedPages, fingerprint: str) -> bool:
    """Return whether files found are those that were read, and their partitions exist."""
    return (
        not state.is_stale
        and state.fingerprint == fingerprint
        and state.pages == pages
        and all(map(os.path.exists, state.parts))
        and all(stamp_file(path) == stamp for path, stamp in state.blobs.items())
        and all(digest_content(path) == digest for path, digest in state.digests.items())
    )


def digest_recent(files: Iterable[PageFile], time_ns: int) -> dict[bytes, str]:
    """Digest the files that were changed so close to `time_ns` that they may change unnoticed."""
    return {
        file.path: digest_content(file.path)
        for file in files
        if max(file.mtime_ns, file.ctime_ns) > time_ns - TICK_NS
    }


def digest_content(path: bytes) -> str:
    """Return the SHA-256 of a file's content; empty, which equals no digest, if unreadable."""
    try:
        # Not blocking, in case that the file has become a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def stamp_blobs(files: Iterable[PageFile]) -> dict[bytes, Stamp | None]:
    """Stamp the indexes that layout 3 manifests name, which can go while the manifest stays."""
    blobs = {}
    for file in files:
        path = os.fsdecode(file.path)
        if file.mirror is not None and path.endswith(f"/{MANIFEST}"):
            try:
                blob = index_blob(read_bytes(file))
            except PageError:
                continue  # a reject, without an index
            blob_path = os.fsencode(f"{mirror_folder(path)}/{blob.name}")
            blobs[blob_path] = stamp_file(blob_path)
    return blobs


def stamp_file(path: bytes) -> Stamp | None:
    """Return what identifies a version of a file; None if there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, *file_times(status)


def stamp_content(path: Path) -> ContentStamp | None:
    """Return what identifies the content of a file; None if there is no file.

    Not its time of change: a table's files are linked anew whenever another is published.
    """
    stamp = stamp_file(os.fsencode(path))
    return stamp and stamp[:2]


class State:
    """The state files below a folder of tables: one per group, per source, and per search."""

    def __init__(self, tables: Path) -> None:
        self.folder = tables / STATE_FOLDER

    def read_groups(self) -> dict[str, GroupState]:
        """Read all groups, by folder."""
        groups = self._read_all("group", tuple[bytes, GroupState])
        return {os.fsdecode(folder): state for folder, state in groups}

    def write_group(self, folder: str, state: GroupState) -> None:
        """Write a group."""
        self._write(self._file("group", folder), (os.fsencode(folder), state))

    def remove_groups(self, folders: Iterable[str]) -> None:
        """Remove groups."""
        for folder in folders:
            self._file("group", folder).unlink(missing_ok=True)

    def read_listings(self, source: str) -> Listings:
        """Read the listings of the folders below a source, by path."""
        return self._read(self._file("source", source), Listings) or {}

    def write_listings(self, listings: Mapping[str, Listings], *, is_part: bool) -> None:
        """Write the listings of some sources; with `is_part`, keep those of other folders."""
        for source, folders in listings.items():
            others = self.read_listings(source) if is_part else {}
            self._write(self._file("source", source), others | folders)

    def read_searches(self) -> list[SearchState]:
        """Read what earlier searches could not read."""
        return list(self._read_all("search", SearchState))

    def write_searches(self, searches: Sequence[SearchState]) -> None:
        """Write these searches in place of all others."""
        for file in self.folder.glob("search-*"):
            file.unlink()
        for search in searches:
            self._write(self._file("search", os.fsdecode(b"\0".join(search.sources))), search)

    def read_database(self) -> DatabaseState | None:
        """Read what the database was built from; None if unknown."""
        state: DatabaseState | None = self._read(self.folder / "database", DatabaseState)
        return state

    def write_database(self, state: DatabaseState) -> None:
        """Write what the database was built from."""
        self._write(self.folder / "database", state)

    def read_locks(self) -> str:
        """Return the digest of the lock files that were published; empty: unknown."""
        return self._read(self.folder / "locks", str) or ""

    def write_locks(self, digest: str) -> None:
        """Write the digest of the lock files that are published."""
        self._write(self.folder / "locks", digest)

    def read_stacks(self) -> StacksState:
        """Read what is known of the environment files that were published."""
        return self._read(self.folder / "stacks", StacksState) or StacksState("", [])

    def write_stacks(self, stacks: StacksState) -> None:
        """Write what is known of the environment files that are published."""
        self._write(self.folder / "stacks", stacks)

    def read_intent(self, tag: str) -> IntentState | None:
        """Read what a snapshot has of the roots of stacks, as it was last judged."""
        intent: IntentState | None = self._read(self._file("intent", tag), IntentState)
        return intent

    def write_intent(self, tag: str, intent: IntentState) -> None:
        """Write what a snapshot has of the roots of stacks."""
        self._write(self._file("intent", tag), intent)

    def clear_intents(self, tags: Iterable[str]) -> None:
        """Remove what was judged of all snapshots but these."""
        kept = {self._file("intent", tag) for tag in tags}
        for file in self.folder.glob("intent-*"):
            if file not in kept:
                file.unlink(missing_ok=True)

    def read_summary(self) -> TablesSummary | None:
        """Read what the tables held when they were last published."""
        summary: TablesSummary | None = self._read(self.folder / "summary", TablesSummary)
        return summary

    def write_summary(self, summary: TablesSummary) -> None:
        """Write what the tables hold."""
        self._write(self.folder / "summary", summary)

    def _file(self, kind: str, name: str) -> Path:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()
        return self.folder / f"{kind}-{digest[:24]}"

    def _read_all(self, kind: str, form: Any) -> list[Any]:
        files = sorted(self.folder.glob(f"{kind}-*"))
        return [read for file in files if (read := self._read(file, form)) is not None]

    def _read(self, file: Path, form: Any) -> Any:
        try:
            return msgspec.msgpack.decode(file.read_bytes(), type=form)
        except (OSError, *UNREADABLE):
            return None  # missing, damaged, or another version's

    def _write(self, file: Path, value: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.write_bytes(msgspec.msgpack.encode(value))
        draft.replace(file)
