"""The specs in an index, and the paths of their manifests, which have the sizes of binaries."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.errors import FetchError
from pipeline.fetch.content import CHUNK_BYTES, Decompressor
from pipeline.names import HASH, IS_NAME
from pipeline.sources.mirror.blobs import IMPOLITE, MAX_INDEX_BYTES

SPEC_MANIFESTS = "v3/manifests/spec/"
MAX_SPECS = 1_000_000  # of one index
IS_HASH = re.compile(HASH)


class SpecName(NamedTuple):
    """The parts of a spec that name its files."""

    name: str
    version: str
    hash: str


class Named(msgspec.Struct, gc=False):
    """The spec in a record."""

    name: str
    version: str


class Record(msgspec.Struct, gc=False):
    """A record of an index; without a binary it is only a dependency."""

    spec: Named
    in_buildcache: bool = False


class Database(msgspec.Struct, gc=False):
    """An index's records by hash."""

    installs: dict[str, Record]


class IndexFile(msgspec.Struct, gc=False):
    """An index."""

    database: Database


def read_specs(file: Path, compression: str, unpacked: Path) -> set[SpecName]:
    """Read the specs with a binary from an index; `unpacked` is the file to decompress it to.

    Raises
    ------
    FetchError
        Its records can't be read, or there are too many.
    """
    if compression == "gzip":
        with file.open("rb") as source, unpacked.open("wb") as target:
            decompressor = Decompressor(MAX_INDEX_BYTES)
            while data := source.read(CHUNK_BYTES):
                for piece in decompressor.pieces(data):
                    target.write(piece)
        file = unpacked
    try:
        with (
            file.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            installs = msgspec.json.decode(text, type=IndexFile).database.installs
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FetchError(f"{file}: its specs can't be read ({error}); leave --sizes out") from error
    finally:
        unpacked.unlink(missing_ok=True)
    if len(installs) > MAX_SPECS:
        raise FetchError(f"{file}: more than {MAX_SPECS:,} specs; leave --sizes out")
    return {
        SpecName(record.spec.name, record.spec.version, spec_hash)
        for spec_hash, record in installs.items()
        if record.in_buildcache
        and IS_HASH.fullmatch(spec_hash)
        and IS_NAME.fullmatch(record.spec.name)
    }


def spec_manifest(spec: SpecName) -> str:
    """Return the path of a spec's manifest below its mirror.

    Spack's `format_path` replaces characters of a version that are not allowed in file names.

    >>> spec_manifest(SpecName("zlib", "git.v1/x=1.3", "h"))
    'v3/manifests/spec/zlib/zlib-git.v1_x_1.3-h.spec.manifest.json'
    """
    name = IMPOLITE.sub("_", f"{spec.name}-{spec.version}-{spec.hash}")
    return f"{SPEC_MANIFESTS}{spec.name}/{name}.spec.manifest.json"
