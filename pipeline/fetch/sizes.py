"""The specs that an index names, and where the manifests with their binaries' sizes are."""

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
    """What the files of a spec are named by."""

    name: str
    version: str
    hash: str


class Named(msgspec.Struct, gc=False):
    """A spec's own part of its record."""

    name: str
    version: str


class Record(msgspec.Struct, gc=False):
    """A record of an index; one without a binary is a mere dependency."""

    spec: Named
    in_buildcache: bool = False


class Database(msgspec.Struct, gc=False):
    """An index's records by hash."""

    installs: dict[str, Record]


class IndexFile(msgspec.Struct, gc=False):
    """An index."""

    database: Database


def read_specs(file: Path, compression: str, unpacked: Path) -> set[SpecName]:
    """Read the specs with a binary that an index names; `unpacked` is where it is decompressed.

    Raises
    ------
    FetchError
        Its records have another form, or are too many.
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

    Spack's `format_path` replaces what a version may have and a file's name may not.

    >>> spec_manifest(SpecName("zlib", "git.v1/x=1.3", "h"))
    'v3/manifests/spec/zlib/zlib-git.v1_x_1.3-h.spec.manifest.json'
    """
    name = IMPOLITE.sub("_", f"{spec.name}-{spec.version}-{spec.hash}")
    return f"{SPEC_MANIFESTS}{spec.name}/{name}.spec.manifest.json"
