"""What was read the last time, kept beside the tables, so that only what changed is read again.

A page is known by its path, size and times. Where those can't tell, since the page was written
just as it was read, its content decides. Nothing here is needed for the tables to be right:
without it all is read again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import archspec
import msgspec

from pipeline import __version__
from pipeline.outputs import STATE_FOLDER
from pipeline.sources.files import TICK_NS, PackedPages, PageFile
from pipeline.sources.listings import UNREADABLE, Listings

PACKAGE = Path(__file__).parent.parent  # of all our code


class GroupState(msgspec.Struct, frozen=True):
    """A group of pages as it was read: what made the tables, the pages, their tags.

    `files` are the tables' files that hold what it gave; `digests` has those of the pages whose
    times may not tell of a change.
    """

    fingerprint: str
    pages: PackedPages
    tags: list[str | None]
    files: list[str]
    digests: dict[bytes, str]


class TablesSummary(msgspec.Struct, frozen=True):
    """What the tables hold, and what was refused, by code."""

    page_count: int
    tag_count: int
    spec_count: int
    rejected: dict[str, int]


def fingerprint() -> str:
    """Tell this version of the pipeline, of its schemas and of archspec's facts from any other.

    The code itself is part of it: a checkout changes without a new version.
    """
    digest = hashlib.sha256(f"{__version__} {archspec.__version__}".encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def outdated(state: GroupState, tags: Iterable[str | None] = ()) -> GroupState:
    """Give the state of a group that is to be read again, whatever it looks like by then.

    `tags` are further ones whose rows may be its.
    """
    return msgspec.structs.replace(state, fingerprint="", tags=list({*state.tags, *tags}))


def recent_digests(pages: Iterable[PageFile], read_at_ns: int) -> dict[bytes, str]:
    """Digest the pages whose times may not tell of a change after a time, before they are read."""
    return {
        page.path: content_digest(page.path)
        for page in pages
        if max(page.mtime_ns, page.ctime_ns) > read_at_ns - TICK_NS
    }


def is_unchanged(state: GroupState, pages: PackedPages, fingerprint: str) -> bool:
    """Whether pages found are those that were read, to the content, and their tables are there."""
    return (
        state.fingerprint == fingerprint
        and state.pages == pages
        and all(map(os.path.exists, state.files))
        and all(content_digest(path) == digest for path, digest in state.digests.items())
    )


def content_digest(path: bytes) -> str:
    """Give a digest of a file's content; of one that can't be read, one that fits no file."""
    try:
        # A page that has become a pipe must not stop us.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


class State:
    """The state files below a folder of tables, one for each group and one for each source."""

    def __init__(self, tables: Path) -> None:
        self.folder = tables / STATE_FOLDER

    def read_groups(self) -> dict[str, GroupState]:
        """Give each group remembered, by its folder."""
        groups = {}
        for file in self.folder.glob("group-*"):
            read = self._read(file, tuple[str, GroupState])
            if read is not None:
                groups[read[0]] = read[1]
        return groups

    def write_group(self, folder: str, state: GroupState) -> None:
        """Remember a group."""
        self._write(self._file("group", folder), (folder, state))

    def forget_groups(self, folders: Iterable[str]) -> None:
        """Forget groups, before what they gave is touched."""
        for folder in folders:
            self._file("group", folder).unlink(missing_ok=True)

    def read_listings(self, source: str) -> Listings:
        """Give the folders below a source as they were listed, by path."""
        return self._read(self._file("source", source), Listings) or {}

    def write_listings(self, listings: Mapping[str, Listings], *, is_part: bool) -> None:
        """Remember the folders below some sources: all, or a part beside what else is known."""
        for source, folders in listings.items():
            others = self.read_listings(source) if is_part else {}
            self._write(self._file("source", source), others | folders)

    def read_database(self) -> str:
        """Give what the database was built from, as `build_signature` tells it; empty: unknown."""
        return self._read(self.folder / "database", str) or ""

    def write_database(self, signature: str) -> None:
        """Remember what the database was built from."""
        self._write(self.folder / "database", signature)

    def read_summary(self) -> TablesSummary | None:
        """Give what the tables held when they were last published."""
        summary: TablesSummary | None = self._read(self.folder / "summary", TablesSummary)
        return summary

    def write_summary(self, summary: TablesSummary) -> None:
        """Remember what the tables hold."""
        self._write(self.folder / "summary", summary)

    def _file(self, kind: str, name: str) -> Path:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()
        return self.folder / f"{kind}-{digest[:24]}"

    def _read(self, file: Path, kind: Any) -> Any:
        try:
            return msgspec.msgpack.decode(file.read_bytes(), type=kind)
        except (OSError, *UNREADABLE):
            return None  # None remembered, damaged, or by another version: as good as none.

    def _write(self, file: Path, value: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            encoded = msgspec.msgpack.encode(value)
        except UnicodeEncodeError:
            # A group whose folder's name is no UTF-8 can't be remembered, and is read each time.
            file.unlink(missing_ok=True)
            return
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.write_bytes(encoded)
        draft.replace(file)
