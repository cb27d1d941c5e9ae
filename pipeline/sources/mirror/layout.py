"""The paths of indexes in a build cache, and the snapshot and stack of a mirror.

Names and formats are Spack's: Spack 0.18 to 0.23 write layout 2, Spack 1.0 and later layout 3. In
the public cache's tree, `TAG/STACK/` is the mirror of a stack, and `TAG/` itself that of `root`.
Any other mirror is a single mirror: its snapshot is the one that the user gives, else the name of
its folder, and it has no stack unless the user gives one.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from pipeline.names import path_text
from pipeline.sources.files import MirrorName
from pipeline.sources.rejects import PageError, RejectCode

LIST = "cache_spack_io_index.json"
INDEXES = {2: "build_cache/index.json", 3: "v3/manifests/index/index.manifest.json"}
MANIFEST = "index.manifest.json"
# What a push writes for each spec: without an index, `update-index` was forgotten.
SPEC_FILES = {2: "build_cache", 3: "v3/manifests/spec"}
# The database of an installation, in the root of the install tree.
INSTALLATION = ".spack-db"
INSTALLATION_INDEX = f"{INSTALLATION}/index.json"
ROOT = "root"
# Reserved names in a mirror's folder; a stack of such a name would be inside root's mirror.
RESERVED_NAMES = {"build_cache", "v3", "blobs"}
# The known versions of indexes, of Spack 0.18 to 1.x.
VERSIONS = range(6, 10)
COMPRESSIONS = ("none", "gzip")

MEDIA_TYPE = re.compile(r"application/vnd\.spack\.db\.v(\d{1,4})\+json")
CHECKSUM = re.compile(r"[0-9a-f]{64}")
INDEX_PATH = re.compile(
    rf"(?P<folder>.+)/(?:{re.escape(INDEXES[2])}|{re.escape(INSTALLATION_INDEX)}"
    rf"|{os.path.dirname(INDEXES[3])}/(?:(?P<view>[^/]+)/)?{re.escape(MANIFEST)}"
    r"|blobs/[^/]+/[^/]+/[^/]+)"
)
# Folders named for a snapshot, on the site and in the cache.
SNAPSHOT_FOLDER = re.compile(r"develop(-[0-9]{4}-[0-9]{2}-[0-9]{2})?|v[0-9]+\.[0-9]+\.[0-9]+")


class Index(NamedTuple):
    """The path of an index on disk, and its name if it is a view."""

    path: str
    view: str | None = None


class Mirror(NamedTuple):
    """The contents of a mirror's folder: indexes, paths of missing ones, and other folders."""

    indexes: list[Index]
    missing: list[str]  # paths below it
    others: list[str]
    is_installation: bool = False


class Blob(msgspec.Struct, frozen=True, rename="camel"):
    """A blob described in a manifest; `content_length` is in bytes."""

    content_length: int
    media_type: str
    checksum: str
    checksum_algorithm: str
    compression: str

    @property
    def name(self) -> str:
        """Return the path of the blob below the mirror."""
        return f"blobs/{self.checksum_algorithm}/{self.checksum[:2]}/{self.checksum}"

    @property
    def version(self) -> int:
        """Return the version of the index in the blob; 0 if it is not an index."""
        match = MEDIA_TYPE.fullmatch(self.media_type)
        return int(match[1]) if match else 0


class Manifest(msgspec.Struct, frozen=True):
    """A manifest of layout 3: the blobs of one spec or index."""

    data: list[Blob]


def is_snapshot(folder: str) -> bool:
    """Return whether a folder is named for a snapshot.

    >>> is_snapshot("/cache/develop-2024-10-20"), is_snapshot("/cache/develop-2024-10-20/e4s")
    (True, False)
    """
    return bool(SNAPSHOT_FOLDER.fullmatch(os.path.basename(folder)))


def folder_name(folder: str) -> str:
    """Return the name of a folder, as text, which names a snapshot or stack."""
    return path_text(os.path.basename(folder))


def find_mirror(folder: str, children: Sequence[str], stack: str | None = None) -> Mirror | None:
    """Return the mirror or installation in a folder, or None if it is neither.

    `children` are the names of its subfolders. A view is read instead of the mirror's index if
    `stack` names it; without an index, all views are read.
    """
    if INSTALLATION in children:
        database = f"{folder}/{INSTALLATION_INDEX}"
        return Mirror([Index(database)], [], [], True) if os.path.lexists(database) else None
    if RESERVED_NAMES.isdisjoint(children):
        return None
    others = [name for name in children if name not in RESERVED_NAMES]
    views = index_views(folder) if "v3" in children else {}
    if stack in views:
        return Mirror([views[stack]], [], others)
    indexes = [Index(path) for path in index_files(folder)] or list(views.values())
    pushed = [
        layout
        for layout, index in INDEXES.items()
        if has_specs(folder, layout) and not os.path.lexists(f"{folder}/{index}")
    ]
    if not indexes and not pushed:
        return None
    return Mirror(indexes, [] if indexes else [INDEXES[max(pushed)]], others)


def index_files(folder: str) -> list[str]:
    """Return the indexes of the mirror in a folder, the newer layout first."""
    return [
        path
        for layout in sorted(INDEXES, reverse=True)
        if os.path.lexists(path := f"{folder}/{INDEXES[layout]}")
    ]


def index_views(folder: str) -> dict[str | None, Index]:
    """Return the views of a mirror of layout 3, by name: indexes of some of its specs."""
    base = f"{folder}/{os.path.dirname(INDEXES[3])}"
    try:
        names = sorted(os.listdir(base))
    except OSError:
        return {}
    return {
        name: Index(path, name)
        for name in names
        if os.path.lexists(path := f"{base}/{name}/{MANIFEST}")
    }


def has_specs(folder: str, layout: int) -> bool:
    """Return whether specs were pushed to the mirror in a folder, by their metadata files."""
    place = f"{folder}/{SPEC_FILES[layout]}"
    if layout == 3:
        return os.path.isdir(place)
    try:
        with os.scandir(place) as entries:
            return any(entry.name.endswith((".spec.json", ".spec.json.sig")) for entry in entries)
    except OSError:
        return False


def index_at(file: str) -> tuple[str, Index] | None:
    """Return the mirror or installation of an index, by its path, and the index."""
    match = INDEX_PATH.fullmatch(file)
    return (match["folder"], Index(file, match["view"])) if match else None


def mirror_folder(path: str) -> str:
    """Return the mirror of an index: by its path, else the folder that it is in."""
    place = index_at(path)
    return place[0] if place else os.path.dirname(path)


def index_in(folder: str) -> str | None:
    """Return the index in a folder that is the part of a mirror with the index."""
    for name in ("index.json", MANIFEST, f"index/{MANIFEST}", f"manifests/index/{MANIFEST}"):
        if os.path.isfile(path := f"{folder}/{name}") and index_at(path) is not None:
            return path
    return None


def is_installation(index: str) -> bool:
    """Return whether an index is the database of an installation, by its path."""
    return index.endswith(f"/{INSTALLATION_INDEX}")


def name_mirror(
    folder: str,
    root: str,
    children: Sequence[str],
    given: tuple[str | None, str | None],
    *,
    stands_alone: bool = False,
) -> MirrorName:
    """Return the snapshot and stack of the mirror in a folder, found below `root`.

    `children` are the names of its subfolders, `given` the snapshot and stack that the user gave
    for a single mirror. With a given stack, any mirror counts as single, and so does an
    installation.
    """
    tag, stack = given
    parent = os.path.dirname(folder)
    if stack is None and not stands_alone:
        if is_snapshot(folder) or any(index_files(f"{folder}/{name}") for name in children):
            return MirrorName(folder_name(folder), ROOT)
        # Of two folders below the source, the upper one is the snapshot, whatever its name.
        is_in_tree = parent != root and parent.startswith(f"{root}/")
        if is_in_tree or is_snapshot(parent) or (folder != root and index_files(parent)):
            return MirrorName(folder_name(parent), folder_name(folder))
    return MirrorName(tag or folder_name(folder), stack)


def index_blob(text: bytes) -> Blob:
    """Return the blob of the highest known index version in a manifest of layout 3.

    Raises
    ------
    PageError
        It is not such a manifest, or refers to no readable index.
    """
    text = text.removeprefix(codecs.BOM_UTF8)
    if text.lstrip()[:1] != b"{":
        raise PageError(RejectCode.BAD_VALUE, f"manifest: expected JSON, found {kind_of(text)}")
    try:
        blobs = msgspec.json.decode(text, type=Manifest).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PageError(
            RejectCode.BAD_VALUE, f"manifest: no manifest of layout 3 ({error})"
        ) from error
    known = [blob for blob in blobs if blob.version in VERSIONS]
    if not known:
        found = ", ".join(blob.media_type for blob in blobs) or "nothing"
        raise PageError(
            RejectCode.BAD_VALUE,
            f"manifest: names no index of version {VERSIONS[0]} to {VERSIONS[-1]}, but {found}; "
            "a later version of cache-coverage may know it",
        )
    blob = max(known, key=lambda blob: blob.version)
    if blob.compression not in COMPRESSIONS:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"manifest: compression {blob.compression!r} is unknown; "
            f"expected {' or '.join(COMPRESSIONS)}",
        )
    if blob.checksum_algorithm != "sha256" or not CHECKSUM.fullmatch(blob.checksum):
        raise PageError(
            RejectCode.BAD_VALUE,
            f"manifest: checksum {blob.checksum_algorithm!r} {blob.checksum!r} is unknown; "
            "expected sha256 and 64 hexadecimal digits",
        )
    return blob


def kind_of(data: bytes) -> str:
    """Describe data that is not JSON, for a message."""
    start = data.lstrip()[:1]
    if not start:
        return "an empty file"
    if data.startswith(b"\x1f\x8b"):
        return "gzip-compressed data"
    if start == b"<":
        return "HTML or XML, as a server's error page"
    return "text" if data[:1024].isascii() and b"\0" not in data[:1024] else "binary data"
