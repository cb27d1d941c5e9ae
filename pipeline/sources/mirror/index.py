"""Parse indexes of build caches, and databases of installations, as Spack writes them.

Both are a database of *records*, one per spec, in versions 6 to 9 (Spack's developer reference).
Versions 6 to 8 were checked against files of Spack 0.18 to 1.2; version 9 is read by its
description, since no Spack that writes it was found. No dataframes here.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from pipeline.sources.files import PageFile, read_bytes
from pipeline.sources.mirror.blobs import MAX_INDEX_BYTES, read_index_blob
from pipeline.sources.mirror.layout import MANIFEST, VERSIONS, kind_of, mirror_folder
from pipeline.sources.rejects import PageError, RejectCode, shown

# Virtual packages of compilers; a spec's compiler is that of the first language it uses.
LANGUAGES = ("c", "cxx", "fortran")
DEPTYPES = ("build", "link", "run", "test")
# Parameters that are lists of compiler flags, not variants (Spack's `FlagMap`).
FLAGS = ("cflags", "cppflags", "cxxflags", "fflags", "ldflags", "ldlibs")
PATCH_LETTERS = 7  # characters of a patch's hash in a variant
TOO_DEEP = "expected the nesting of an index, found far deeper"
VERSION = re.compile(r"([0-9]{1,4})(?:\.[0-9]+)*")
COMPACT = b'{"database":{'  # the start of an index without spaces
MAX_FAULTY_BYTES = 64 * 1024 * 1024  # Python's json module takes ten times the memory.
FAULTS_OF_TEXT = (RejectCode.BAD_YAML, RejectCode.NOT_UTF8)
FRAME_BYTES = 64  # around the records of an index
HASH_KEY = re.compile(rb'"([a-z2-7]{32})"\s*:')

Form = TypeVar("Form")
Records = Mapping[str, msgspec.Raw]  # by hash, still raw JSON


class Target(msgspec.Struct, frozen=True):
    """A target written with its features."""

    name: str


class Architecture(msgspec.Struct, frozen=True):
    """The platform that a spec is built for."""

    platform: str
    platform_os: str
    target: str | Target


class Compiler(msgspec.Struct, frozen=True):
    """The name and version of a compiler, or of its record."""

    name: str
    version: str


class EdgeParameters(msgspec.Struct, frozen=True):
    """The dependency types and virtuals of an edge; from version 7 on."""

    deptypes: tuple[str, ...] = ()
    virtuals: tuple[str, ...] = ()


class Edge(msgspec.Struct, frozen=True):
    """A dependency of a spec; version 6 has `type` instead of `parameters`."""

    name: str
    hash: str
    type: tuple[str, ...] = ()
    parameters: EdgeParameters = EdgeParameters()

    @property
    def deptypes(self) -> tuple[str, ...]:
        """Return the dependency types; without any, all of them, as in Spack."""
        return self.parameters.deptypes or self.type or DEPTYPES


class Annotations(msgspec.Struct, frozen=True):
    """Attributes of a spec written by an older version of Spack."""

    compiler: Compiler | str | None = None


class External(msgspec.Struct, frozen=True):
    """The location of a spec that Spack did not build."""

    path: str | None = None


class BuildSpec(msgspec.Struct, frozen=True):
    """The spec that a spliced spec was originally built as."""

    hash: str


class Node(msgspec.Struct, frozen=True):
    """A spec in an index; other keys are ignored."""

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


class Record(msgspec.Struct, frozen=True):
    """A record of an index, whose spec is still raw JSON.

    In a build cache it says whether there is a binary, in an installation whether it is installed;
    without either, it is only a dependency.
    """

    spec: msgspec.Raw
    in_buildcache: bool = False
    installed: bool = False


class Database(msgspec.Struct, frozen=True):
    """An index: its version, and its records by hash, still raw JSON."""

    version: str
    installs: dict[str, msgspec.Raw]


class IndexFile(msgspec.Struct, frozen=True):
    """The file of an index."""

    database: Database


INDEX_DECODER = msgspec.json.Decoder(IndexFile)
RECORD_DECODER = msgspec.json.Decoder(Record)
NODE_DECODER = msgspec.json.Decoder(Node)
NAMED_DECODER = msgspec.json.Decoder(Compiler)  # the name and version of any record


def read_index(file: PageFile) -> tuple[Records, list[str]]:
    """Return the records of an index, and the hashes that have more than one.

    The file is the index, or the manifest of layout 3 that refers to it.

    Raises
    ------
    PageError
        It can't be read, is too large, or is not an index of a known version.
    """
    data = read_bytes(file, MAX_INDEX_BYTES)
    path = os.fsdecode(file.path)
    if path.endswith(f"/{MANIFEST}"):
        data = read_index_blob(data, mirror_folder(path), links_root(file))
    return read_records(data)


def links_root(file: PageFile) -> str | None:
    """Return the folder that links in a file's mirror must not lead out of, if any."""
    return os.fsdecode(file.mirror.root) if file.mirror and file.mirror.root else None


def read_records(data: bytes) -> tuple[Records, list[str]]:
    """Return the records in the JSON of an index, and the hashes that have more than one.

    Raises
    ------
    PageError
        It is not an index of a known version.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if data.lstrip()[:1] != b"{":
        raise PageError(RejectCode.BAD_YAML, f"expected JSON, found {kind_of(data)}")
    try:
        database = decode(INDEX_DECODER, data, "expected an index of a build cache: ").database
    except PageError as error:
        records = read_apart(data) if error.code in FAULTS_OF_TEXT else None
        if records is None:
            raise
        database = records
    version = VERSION.fullmatch(database.version)
    if version is None:
        found = shown(database.version)
        raise PageError(RejectCode.BAD_VALUE, f"version: expected a number, found {found}")
    if int(version[1]) not in VERSIONS:
        is_old = int(version[1]) < VERSIONS[0]
        raise PageError(
            RejectCode.BAD_VALUE,
            f"version: expected an index of version {VERSIONS[0]} to {VERSIONS[-1]}, "
            f"found {database.version}"
            + (
                ", written by Spack before 0.18; rewrite it with a newer one, by "
                "'spack buildcache update-index' or 'spack reindex'"
                if is_old
                else "; a later version of cache-coverage may know it"
            ),
        )
    return database.installs, repeated_hashes(database.installs, data)


def read_apart(data: bytes) -> Database | None:
    """Return an index in which some text is invalid, or None if it is not an index at all.

    Otherwise invalid UTF-8, a lone surrogate or a control character in one record would cost all
    others. A record with one of the first two is rejected when it is read by itself.
    """
    if len(data) > MAX_FAULTY_BYTES:
        return None
    try:
        document = json.loads(data.decode("utf-8", "surrogateescape"), strict=False)
        return Database(
            str(document["database"]["version"]),
            {
                spec_hash: msgspec.Raw(json.dumps(record).encode())
                for spec_hash, record in document["database"]["installs"].items()
            },
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def repeated_hashes(records: Records, data: bytes) -> list[str]:
    """Return the hashes with more than one record in an index, in order.

    The decoder keeps the last of them, as Spack does. Spack's own files have only a hash and its
    punctuation between two records, so the sizes alone can rule out repetitions.
    """
    held = sum(memoryview(raw).nbytes + len(spec_hash) for spec_hash, raw in records.items())
    punctuation = len('"":,') if data.startswith(COMPACT) else len('"": , ')
    if len(data) - held - punctuation * len(records) <= FRAME_BYTES:
        return []
    counts = Counter(HASH_KEY.findall(data))
    return sorted(spec_hash.decode() for spec_hash, count in counts.items() if count > 1)


def read_record(raw: msgspec.Raw) -> Record:
    """Read a record, whose spec stays raw JSON; raises PageError as `decode` does."""
    return decode(RECORD_DECODER, raw)


def read_node(raw: msgspec.Raw) -> Node:
    """Read a spec; raises PageError as `decode` does."""
    return decode(NODE_DECODER, raw)


def read_name(spec: msgspec.Raw) -> str:
    """Read the package of a spec; raises PageError as `decode` does."""
    return decode(NAMED_DECODER, spec).name


def decode(decoder: msgspec.json.Decoder[Form], data: bytes | msgspec.Raw, what: str = "") -> Form:
    """Decode JSON to a struct; `what` begins the message of the error.

    Raises
    ------
    PageError
        It is not JSON, or a key is missing or has another type.
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
    """Return a spec's variants as pages write them, in the index's order.

    Raises
    ------
    PageError
        A parameter has a type that no variant has.

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
        for name in FLAGS
        if (value := parameters.get(name)) and isinstance(value, list)
    ]


def text_of(name: str, value: object) -> str:
    """Return the value of a parameter as in a variant."""
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


def compilers_of(node: Node, records: Records) -> Iterator[tuple[str, str]]:
    """Yield each language that a spec is compiled from, and its compiler as NAME@VERSION.

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
                yield language, compiler_at(edge, records)
                break


def compiler_at(edge: Edge, records: Records) -> str:
    """Return a compiler dependency's name and version, from its record."""
    if edge.hash not in records:
        raise PageError(
            RejectCode.MISSING_KEY,
            f"expected the record of its compiler {shown(edge.name)}, {edge.hash}, found none",
        )
    record = read_record(records[edge.hash])
    named = decode(NAMED_DECODER, record.spec, f"compiler {edge.hash}: ")
    return f"{named.name}@{named.version}"


def compiler_of(node: Node, languages: Mapping[str, str]) -> str:
    """Return a spec's compiler as NAME@VERSION, or `none`: its own, or its first language's."""
    noted = node.compiler or node.annotations.compiler
    if node.compiler is None and languages:
        return next(iter(languages.values()))
    if noted is None:
        return "none"
    return noted if isinstance(noted, str) else f"{noted.name}@{noted.version}"
