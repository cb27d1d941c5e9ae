"""Take the indexes of build caches apart, as Spack writes them. No dataframes here.

The forms are those of Spack's developer reference: a database of *records*, one a spec, in
versions 6 to 9; in layout 3 a compressed blob that a manifest names.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pipeline.sources.files import PageFile, read_bytes
from pipeline.sources.mirror.layout import INDEXES, VERSIONS, Manifest, index_blob, split_index
from pipeline.sources.rejects import PageError, RejectCode, shown

# Of an index, decompressed, and what one read gives at most; the public cache's largest are some
# hundred millions.
MAX_INDEX_BYTES = 2_000_000_000
# That a compiler may be the provider of; a spec's compiler is that of the first it has.
LANGUAGES = ("c", "cxx", "fortran")
DEPTYPES = ("build", "link", "run", "test")
# Parameters that are lists of compiler flags, and no variants (Spack's `FlagMap`).
FLAGS = {"cflags", "cppflags", "cxxflags", "fflags", "ldflags", "ldlibs"}
PATCH_LETTERS = 7  # of a patch's hash that stand in a variant
TOO_DEEP = "expected lists and mappings in each other as an index has them, found far more"
INSTALL_MEDIA_TYPE = "application/vnd.spack.install.v2.tar+gzip"
SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"

Form = TypeVar("Form")


class Target(msgspec.Struct, frozen=True, gc=False):
    """A target that is written with its features."""

    name: str


class Architecture(msgspec.Struct, frozen=True, gc=False):
    """What a spec is built for."""

    platform: str
    platform_os: str
    target: str | Target


class Compiler(msgspec.Struct, frozen=True, gc=False):
    """A compiler, or what has the name and version of one."""

    name: str
    version: str


class EdgeParameters(msgspec.Struct, frozen=True, gc=False):
    """What a dependency is for, from version 7 on."""

    deptypes: tuple[str, ...] = ()
    virtuals: tuple[str, ...] = ()


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A dependency of a spec; `type` is what version 6 has for parameters."""

    name: str
    hash: str
    type: tuple[str, ...] = ()
    parameters: EdgeParameters = EdgeParameters()

    @property
    def deptypes(self) -> tuple[str, ...]:
        """What it is needed for; an edge without types counts for all of them, as in Spack."""
        return self.parameters.deptypes or self.type or DEPTYPES


class Annotations(msgspec.Struct, frozen=True, gc=False):
    """What a spec was in an older form of file."""

    compiler: Compiler | str | None = None


class External(msgspec.Struct, frozen=True, gc=False):
    """Where a spec is that Spack did not build."""

    path: str | None = None


class BuildSpec(msgspec.Struct, frozen=True, gc=False):
    """The spec that a spliced spec was built as."""

    hash: str


class Node(msgspec.Struct, frozen=True, gc=False):
    """A spec as an index has it; keys that nobody asks for are ignored."""

    name: str
    version: str
    arch: Architecture
    parameters: dict[str, Any]
    dependencies: tuple[Edge, ...] = ()
    hash: str | None = None
    compiler: Compiler | None = None
    annotations: Annotations = Annotations()
    external: External | None = None
    namespace: str | None = None
    package_hash: str | None = None
    build_spec: BuildSpec | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record of an index, its spec still JSON; without a binary it is a mere dependency."""

    spec: msgspec.Raw
    in_buildcache: bool = False


class Database(msgspec.Struct, frozen=True, gc=False):
    """An index, its records still JSON, by hash."""

    version: str
    installs: dict[str, msgspec.Raw]


class IndexFile(msgspec.Struct, frozen=True, gc=False):
    """What an index's file holds."""

    database: Database


INDEX_DECODER = msgspec.json.Decoder(IndexFile)
RECORD_DECODER = msgspec.json.Decoder(Record)
NODE_DECODER = msgspec.json.Decoder(Node)
NAMED_DECODER = msgspec.json.Decoder(Compiler)  # any record's name and version


def read_index(file: PageFile) -> Mapping[str, msgspec.Raw]:
    """Read the records of the index that a file is, or that it is the manifest of.

    Raises
    ------
    PageError
        It can't be read, is larger than any may be, or is no index of a known version.
    """
    data = read_bytes(file, MAX_INDEX_BYTES)
    path = os.fsdecode(file.path)
    if path.endswith(INDEXES[3]):
        data = read_blob(path, data)
    database = decode(INDEX_DECODER, data, "expected an index of a build cache: ").database
    if not database.version.isascii() or not database.version.isdecimal():
        found = shown(database.version)
        raise PageError(RejectCode.BAD_VALUE, f"version: expected a number, found {found}")
    if int(database.version) not in VERSIONS:
        raise PageError(
            RejectCode.BAD_VALUE,
            f"version: expected an index of version {VERSIONS[0]} to {VERSIONS[-1]}, "
            f"found {database.version}",
        )
    return database.installs


def read_blob(path: str, manifest: bytes) -> bytes:
    """Read the index that a manifest of layout 3, at `path`, names.

    Raises
    ------
    PageError
        The manifest names none that is known, or it is not there.
    """
    blob = index_blob(manifest)
    mirror, _ = split_index(path)
    try:
        with Path(mirror, blob.name).open("rb") as stream:
            data = stream.read(MAX_INDEX_BYTES + 1)
            if blob.compression == "gzip":
                data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_INDEX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise PageError(
            RejectCode.UNREADABLE, f"its index {blob.name} can't be read: {reason}"
        ) from error
    if len(data) > MAX_INDEX_BYTES:
        raise PageError(
            RejectCode.BAD_VALUE, f"expected an index of at most {MAX_INDEX_BYTES} bytes"
        )
    return data


def read_record(raw: msgspec.Raw) -> Record:
    """Read a record, its spec still JSON, or raise PageError as `decode` does."""
    return decode(RECORD_DECODER, raw)


def read_node(raw: msgspec.Raw) -> Node:
    """Read a spec, or raise PageError as `decode` does."""
    return decode(NODE_DECODER, raw)


def decode(decoder: msgspec.json.Decoder[Form], data: bytes | msgspec.Raw, what: str = "") -> Form:
    """Decode JSON of a form; `what` opens the message where it has another.

    Raises
    ------
    PageError
        A key is missing or holds another type, or it is no JSON.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        is_missing = "missing required field" in str(error)
        code = RejectCode.MISSING_KEY if is_missing else RejectCode.WRONG_TYPE
        raise PageError(code, what + str(error).replace("`", "'")) from error
    except UnicodeDecodeError as error:
        raise PageError(RejectCode.NOT_UTF8, f"expected UTF-8: {error.reason}") from error
    except msgspec.DecodeError as error:
        raise PageError(RejectCode.BAD_YAML, f"expected JSON: {error}") from error
    except RecursionError as error:
        raise PageError(RejectCode.BAD_VALUE, TOO_DEEP) from error


def variants_of(parameters: Mapping[str, object]) -> list[str]:
    """Write a spec's parameters as the pages write variants, in the index's order.

    Raises
    ------
    PageError
        One of them is of a type that no variant has.

    Examples
    --------
    >>> variants_of({"mpi": True, "api": "default", "languages": ["c", "c++"], "cflags": []})
    ['+mpi', 'api=default', 'languages=c,c++']
    """
    variants = []
    for name, value in parameters.items():
        if value is True:
            variants.append(f"+{name}")
        elif value is False:
            variants.append(f"~{name}")
        elif name not in FLAGS:
            variants.append(f"{name}={text_of(name, value)}")
    return variants


def flags_of(parameters: Mapping[str, object]) -> list[str]:
    """Return a spec's compiler flags, one entry per kind that is set.

    Examples
    --------
    >>> flags_of({"shared": True, "cflags": ["-O3", "-g"], "ldflags": []})
    ['cflags=-O3 -g']
    """
    return [
        f"{name}={' '.join(map(str, value))}"
        for name, value in parameters.items()
        if name in FLAGS and isinstance(value, list) and value
    ]


def text_of(name: str, value: object) -> str:
    """Write the value of a parameter as a variant has it."""
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        length = PATCH_LETTERS if name == "patches" else None
        return ",".join(item[:length] for item in value)
    raise PageError(
        RejectCode.WRONG_TYPE,
        f"parameters: {shown(name)}: expected true, false, text or a list of texts, "
        f"found {shown(value)}",
    )


def compilers_of(node: Node, installs: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, str]]:
    """Yield each language that a dependency compiles, and that compiler, as NAME@VERSION.

    Raises
    ------
    PageError
        The index has no record of that dependency.
    """
    provided = [
        (virtual, edge)
        for edge in node.dependencies
        for virtual in edge.parameters.virtuals
        if virtual in LANGUAGES and "build" in edge.deptypes
    ]
    for language in LANGUAGES:
        for virtual, edge in provided:
            if virtual == language:
                yield language, compiler_at(edge, installs)
                break


def compiler_at(edge: Edge, installs: Mapping[str, msgspec.Raw]) -> str:
    """Give the compiler that a dependency is, by its record."""
    if edge.hash not in installs:
        raise PageError(
            RejectCode.MISSING_KEY,
            f"expected the record of its compiler {shown(edge.name)}, {edge.hash}, found none",
        )
    record = read_record(installs[edge.hash])
    named = decode(NAMED_DECODER, record.spec, f"compiler {edge.hash}: ")
    return f"{named.name}@{named.version}"


def compiler_of(node: Node, languages: Mapping[str, str]) -> str:
    """Give a spec's compiler as NAME@VERSION, or `none`: its own, or that of its first language."""
    noted = node.compiler or node.annotations.compiler
    if node.compiler is None and languages:
        return next(iter(languages.values()))
    if noted is None:
        return "none"
    return noted if isinstance(noted, str) else f"{noted.name}@{noted.version}"


def size_of(mirror: str, node: Node, spec_hash: str) -> int | None:
    """Give the size of a spec's binary in bytes, where a mirror of layout 3 has its manifest."""
    name = f"{node.name}-{node.version}-{spec_hash}.spec.manifest.json"
    if "/" in name:
        return None
    try:
        text = Path(mirror, "v3/manifests/spec", node.name, name).read_bytes()
        if text.startswith(SIGNED):
            # The signed text stands between an empty line and the signature.
            text = text.replace(b"\r\n", b"\n").partition(b"\n\n")[2].partition(SIGNATURE)[0]
        blobs = msgspec.json.decode(text, type=Manifest).data
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    sizes = (blob.content_length for blob in blobs if blob.media_type == INSTALL_MEDIA_TYPE)
    return next(sizes, None)
