"""Limits and checks on downloaded files, applied before anything is published.

Files are checked on disk, memory-mapped, so that a large index costs no memory.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipeline.sources.mirror.blobs import (
    MAX_INDEX_BYTES,
    MAX_RATIO,
    UNBOUND_BYTES,
    unsigned,
)
from pipeline.sources.mirror.layout import Blob, Manifest

MAX_LIST_BYTES = 64_000_000
MAX_MANIFEST_BYTES = 4_000_000  # also the limit in the OCI distribution specification
CHUNK_BYTES = 1 << 18


LIST_FORM = "a list of snapshots, {TAG: [{label, url}]}"


class DamagedError(Exception):
    """A file is incomplete or corrupted; downloading it again may help."""


class UnexpectedError(Exception):
    """A file has the wrong content; downloading it again does not help."""


class DatabaseShape(msgspec.Struct):
    """The outer part of an index; the records stay raw JSON."""

    version: str
    installs: msgspec.Raw


class IndexShape(msgspec.Struct):
    """The part of an index that fetch needs."""

    database: DatabaseShape


@dataclass(frozen=True)
class Expected:
    """What is expected of a file: its maximum size, a check of its content, and its blob."""

    max_bytes: int
    check: Callable[[Path], Any]
    blob: Blob | None = None


def expect_index_blob(blob: Blob) -> Expected:
    """Return what is expected of the blob of an index."""

    def check(file: Path) -> None:
        if blob.compression == "gzip":
            check_gzip_index(file)
        else:
            check_index(file)

    return Expected(min(blob.content_length, MAX_INDEX_BYTES), check, blob)


class Decompressor:
    """Decompresses a gzip stream in chunks, within limits on size and ratio."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.stream = zlib.decompressobj(wbits=31)
        self.read_count = self.written_count = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the decompressed chunks of some more bytes."""
        self.read_count += len(data)
        while data:
            if self.stream.eof:  # Another gzip member follows.
                self.stream = zlib.decompressobj(wbits=31)
            try:
                piece = self.stream.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise DamagedError(f"is not a gzip stream ({error})") from error
            data = self.stream.unconsumed_tail or self.stream.unused_data
            self.written_count += len(piece)
            if self.written_count > self.max_bytes:
                raise UnexpectedError(f"decompresses to more than {self.max_bytes:,} bytes")
            if self.written_count > max(UNBOUND_BYTES, MAX_RATIO * self.read_count):
                raise UnexpectedError(
                    f"decompresses to more than {MAX_RATIO} times its size, as no index does"
                )
            if piece:
                yield piece

    def finish(self) -> None:
        """Check that the stream is complete."""
        if self.read_count and not self.stream.eof:
            raise DamagedError(f"truncated after {self.read_count:,} bytes")


def check_gzip_index(file: Path) -> int:
    """Check that a file is a gzip-compressed index, and return its version; 0 if unknown."""
    unpacked = file.with_name(f"{file.name}.unpacked")
    try:
        with file.open("rb") as source, unpacked.open("wb") as target:
            decompressor = Decompressor(MAX_INDEX_BYTES)
            while data := source.read(CHUNK_BYTES):
                for piece in decompressor.pieces(data):
                    target.write(piece)
            decompressor.finish()
        return check_index(unpacked)
    finally:
        unpacked.unlink(missing_ok=True)


def check_index(file: Path) -> int:
    """Check that a file is an index as Spack writes it, and return its version; 0 if unknown.

    Raises
    ------
    DamagedError
        It is truncated.
    UnexpectedError
        It is not an index.
    """
    what = "an index of a build cache, {database: {version, installs}}"
    with file.open("rb") as stream:
        start = stream.read(40)
        if not start.lstrip().startswith(b"{"):
            raise not_json(what, start)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
            try:
                database = msgspec.json.decode(text, type=IndexShape).database
                is_object = bytes(memoryview(database.installs)[:1]) == b"{"
                version = database.version
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise not_json(what, start, error) from None
            finally:
                database = None  # type: ignore[assignment] # releases the mapped memory
    if not is_object:
        raise UnexpectedError(f"expected {what}, found installs that are no object")
    return int(version) if version.isascii() and version.isdecimal() else 0


def check_list(file: Path) -> None:
    """Check that a file is JSON; `read_list` checks that it is a list of snapshots."""
    text = file.read_bytes()
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(LIST_FORM, text[:40], error) from error


def check_manifest(file: Path) -> None:
    """Check that a file is a manifest of layout 3, plain or clearsigned."""
    read_manifest(file.read_bytes())


def read_manifest(text: bytes) -> Manifest:
    """Read a manifest of layout 3, plain or clearsigned.

    Raises
    ------
    DamagedError
        It is truncated.
    UnexpectedError
        It is not a manifest.
    """
    try:
        return msgspec.json.decode(unsigned(text), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json("a manifest of layout 3", text[:40], error) from error


def not_json(
    what: str, start: bytes, error: Exception | None = None
) -> DamagedError | UnexpectedError:
    """Return the error for a file that is not the expected JSON, quoting its start."""
    if error is not None and start.lstrip().startswith(b"{"):
        if "truncated" in str(error):
            return DamagedError("truncated")
        return UnexpectedError(f"expected {what}, found something else ({error})")
    return UnexpectedError(f"expected {what}, found {start.decode(errors='replace')!r}")


def sha256_of(file: Path) -> str:
    """Return a file's SHA-256 checksum in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


LIST_FILE = Expected(MAX_LIST_BYTES, check_list)
INDEX_FILE = Expected(MAX_INDEX_BYTES, check_index)
MANIFEST_FILE = Expected(MAX_MANIFEST_BYTES, check_manifest)
