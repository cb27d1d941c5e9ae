"""Read files of a mirror: only regular files, inside the source, within size limits.

A mirror may come from anyone: a named pipe, a device, a link to elsewhere or a gzip bomb in place
of a file must neither hang a run nor exhaust its memory.
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

# Of a decompressed index; the largest of the public cache have a few hundred million.
MAX_INDEX_BYTES = 2_000_000_000
# Of a spec's manifest; real ones have a few hundred, or a few thousand if they are signed.
MAX_MANIFEST_BYTES = 1024 * 1024
# Compression ratio of an index. Each record has its own hashes, so real ones have about 8.
MAX_RATIO = 100
UNBOUND_BYTES = 16 * 1024 * 1024  # allowed for any index, whatever its ratio
CHUNK_BYTES = 1024 * 1024
MAX_INT64 = 2**63 - 1

INSTALL_MEDIA_TYPE = "application/vnd.spack.install.v2.tar+gzip"
SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
# What Spack replaces by "_" in file names (`polite_filename` in llnl.util.filesystem).
IMPOLITE = re.compile(r"[^A-Za-z0-9_+.-]")


def read_index_blob(manifest: bytes, mirror: str, root: str | None) -> bytes:
    """Return the decompressed index that a manifest of layout 3 refers to.

    `root` is the folder that links must not lead out of, if any.

    Raises
    ------
    PageError
        The manifest refers to no index of a known version, or the index can't be read or does not
        match its checksum.
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
    """Return the bytes of a regular file of at most `limit` bytes.

    Raises
    ------
    OSError
        It can't be read, is larger, is not a regular file, or is outside of `root`.
    """
    if root is not None:
        check_inside(path, root)
    # Opening a named pipe would wait for a writer.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"{status.st_size} bytes, more than {limit}")
        return stream.read(status.st_size)


def decompress(data: bytes) -> bytes:
    """Decompress gzip data in chunks, so that a bomb is stopped at the limit.

    Raises
    ------
    PageError
        It is larger than any index, or too large for its compressed size.
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
    """The spec manifests of a mirror in layout 3, which have the sizes of the binaries."""

    def __init__(self, mirror: str, root: str | None) -> None:
        self.folder = f"{mirror}/{SPEC_FILES[3]}"
        self.root = root
        # Often there are none, so do not look for each spec.
        self.is_there = os.path.isdir(self.folder)
        self.packages: set[str] = set()  # whose folders are known to be inside of `root`

    def size_of(self, package: str, version: str, spec_hash: str) -> int | None:
        """Return the size of a spec's binary in bytes, or None if no manifest has it.

        Raises
        ------
        PageError
            The manifest has an impossible size.
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
        """Read the manifest of spec NAME-VERSION-HASH.

        Raises
        ------
        OSError, UnicodeDecodeError, msgspec.DecodeError, RecursionError
            It can't be read, or is not a manifest.
        """
        folder = f"{self.folder}/{package}"
        path = f"{folder}/{IMPOLITE.sub('_', name)}.spec.manifest.json"
        if self.root is not None:
            # Resolving the path of each file would take longer than reading it.
            if package not in self.packages:
                check_inside(folder, self.root)
                self.packages.add(package)
            if os.path.islink(path):
                check_inside(path, self.root)
        return msgspec.json.decode(unsigned(read_file(path, MAX_MANIFEST_BYTES)), type=Manifest)


def unsigned(text: bytes) -> bytes:
    """Return the text of a manifest without its clear-text signature."""
    if not text.startswith(SIGNED):
        return text
    # The signed text is between an empty line and the signature.
    return text.replace(b"\r\n", b"\n").partition(b"\n\n")[2].partition(SIGNATURE)[0]
