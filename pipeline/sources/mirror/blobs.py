"""Read the files of a mirror: regular files only, inside the source, within bounds.

A mirror may come from anyone: a named pipe, a device, a link to elsewhere or a gzip bomb in the
place of a file must neither hang a run nor exhaust its memory.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import re
import stat
import zlib

import msgspec

from pipeline.sources.files import check_inside
from pipeline.sources.mirror.layout import SPEC_FILES, Manifest, index_blob
from pipeline.sources.rejects import PageError, RejectCode, shown

# Of an index, decompressed; the public cache's largest have some hundred millions.
MAX_INDEX_BYTES = 2_000_000_000
# Of a spec's manifest; real ones have some hundreds, or a few thousands where they are signed.
MAX_MANIFEST_BYTES = 1024 * 1024
# Of a compressed index. Each record has hashes of its own, so real ones have about 8.
MAX_RATIO = 100
UNBOUND_BYTES = 16 * 1024 * 1024  # that any index may have, whatever its ratio
CHUNK_BYTES = 1024 * 1024
MAX_INT64 = 2**63 - 1

INSTALL_MEDIA_TYPE = "application/vnd.spack.install.v2.tar+gzip"
SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
# What Spack replaces by "_" in the name of a file (`polite_filename` in llnl.util.filesystem).
IMPOLITE = re.compile(r"[^A-Za-z0-9_+.-]")


def read_index_blob(manifest: bytes, mirror: str, root: str | None) -> bytes:
    """Return the index that a manifest of layout 3 names, decompressed.

    `root` is the folder that links must not lead out of, if any.

    Raises
    ------
    PageError
        The manifest names no index of a known version, or that can't be read, or isn't the one
        whose checksum the manifest states.
    """
    blob = index_blob(manifest)
    try:
        data = read_file(f"{mirror}/{blob.name}", MAX_INDEX_BYTES, root)
    except OSError as error:
        raise PageError(
            RejectCode.UNREADABLE, f"its index {blob.name} can't be read: {error.strerror}"
        ) from error
    checksum = hashlib.sha256(data).hexdigest()
    if checksum != blob.checksum:
        raise PageError(
            RejectCode.BAD_CHECKSUM,
            f"its index {blob.name}: expected the sha256 in its name, found {checksum}; "
            "copy the mirror again, or run 'spack buildcache update-index'",
        )
    if blob.compression == "none":
        return data
    try:
        return decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise PageError(
            RejectCode.UNREADABLE, f"its index {blob.name} can't be decompressed: {error}"
        ) from error


def read_file(path: str, limit: int, root: str | None = None) -> bytes:
    """Return the bytes of a regular file, of which there are at most `limit`.

    Raises
    ------
    OSError
        It can't be read, is larger or no regular file, or lies outside of `root`.
    """
    if root is not None:
        check_inside(path, root)
    # A named pipe would wait for a writer.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"{status.st_size} bytes, more than {limit}")
        return stream.read(status.st_size)


def decompress(data: bytes) -> bytes:
    """Return gzip's data decompressed, piece by piece, so that a bomb ends at the bound.

    Raises
    ------
    PageError
        It is larger than any index, or out of proportion to its compressed size.
    OSError, EOFError, zlib.error
        It is damaged.
    """
    compressed = io.BytesIO(data)
    pieces, size = [], 0
    with gzip.GzipFile(fileobj=compressed) as stream:
        while piece := stream.read(CHUNK_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > min(MAX_INDEX_BYTES, UNBOUND_BYTES + MAX_RATIO * compressed.tell()):
                raise PageError(
                    RejectCode.BAD_VALUE,
                    f"expected an index of at most {MAX_INDEX_BYTES} bytes and {MAX_RATIO} times "
                    f"its compressed size, found {size} bytes in the first {compressed.tell()}",
                )
    return b"".join(pieces)


class SpecManifests:
    """The manifests of a mirror's specs in layout 3, each of which states its binary's size."""

    def __init__(self, mirror: str, root: str | None) -> None:
        self.folder = f"{mirror}/{SPEC_FILES[3]}"
        self.root = root
        # Often they are not there, and need not be looked for spec by spec.
        self.is_there = os.path.isdir(self.folder)
        self.packages: set[str] = set()  # whose folders are known to lie inside of `root`

    def size_of(self, package: str, version: str, spec_hash: str) -> int | None:
        """Return the size of a spec's binary in bytes, or None where no manifest tells it.

        Raises
        ------
        PageError
            The manifest states a size that no file has.
        """
        if not self.is_there:
            return None
        try:
            blobs = self.read_manifest(package, f"{package}-{version}-{spec_hash}").data
        except (OSError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return None
        sizes = [blob.content_length for blob in blobs if blob.media_type == INSTALL_MEDIA_TYPE]
        if sizes and not 0 <= sizes[0] <= MAX_INT64:
            raise PageError(
                RejectCode.BAD_VALUE,
                f"size_bytes: expected 0 to {MAX_INT64}, found {shown(sizes[0])} in its manifest",
            )
        return sizes[0] if sizes else None

    def read_manifest(self, package: str, name: str) -> Manifest:
        """Read the manifest of the spec called NAME-VERSION-HASH.

        Raises
        ------
        OSError, UnicodeDecodeError, msgspec.DecodeError, RecursionError
            It can't be read, or is no manifest.
        """
        folder = f"{self.folder}/{package}"
        path = f"{folder}/{IMPOLITE.sub('_', name)}.spec.manifest.json"
        if self.root is not None:
            # To resolve each file's path anew would take longer than to read it.
            if package not in self.packages:
                check_inside(folder, self.root)
                self.packages.add(package)
            if os.path.islink(path):
                check_inside(path, self.root)
        return msgspec.json.decode(unsigned(read_file(path, MAX_MANIFEST_BYTES)), type=Manifest)


def unsigned(text: bytes) -> bytes:
    """Return what a manifest says, rid of a clear-text signature."""
    if not text.startswith(SIGNED):
        return text
    # The signed text stands between an empty line and the signature.
    return text.replace(b"\r\n", b"\n").partition(b"\n\n")[2].partition(SIGNATURE)[0]
