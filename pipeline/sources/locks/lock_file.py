"""Read a lock file into nodes. No dataframes here.

The formats that Spack has written:

| version | key of a node | dependencies |
| --- | --- | --- |
| 1 | its hash; its attributes are nested below its name | a mapping by name |
| 2 | its build hash, nested likewise; `hash` is the other one | a mapping by name |
| 3 | its build hash; its name is an attribute | a list, with `build_hash` |
| 4 | its hash (since Spack 0.18) | a list, with `type` |
| 5 | its hash | a list, with `parameters`; `include_concrete` |
| 6 | its hash; compilers are nodes, older ones in `annotations` | as in 5 |
| 7 | its hash; `roots` have a `group` (Spack 1.2) | as in 5 |

Dependencies always refer to keys. Hashes from before Spack 0.18 leave out build dependencies, so no
newer cache has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import msgspec

from pipeline.errors import SourceError
from pipeline.names import path_text
from pipeline.sources.locks.file_type import FILE_TYPE
from pipeline.sources.mirror.index import (
    LANGUAGES,
    Architecture,
    Compiler,
    Edge,
    External,
    Node,
    compiler_of,
    decode,
    variants_of,
)
from pipeline.sources.rejects import PageError, RejectCode, shown

VERSIONS = range(1, 8)
FIRST_WITH_DAG_HASHES = 4  # whose hashes are those of caches since Spack 0.18
MAX_LOCK_BYTES = 128 * 1024 * 1024
USED_DEPTYPES = {"link", "run"}  # link and run dependencies
CONCRETIZE = "name a spack.lock that 'spack concretize' wrote"


class Meta(msgspec.Struct, frozen=True, rename="kebab"):
    """The metadata of a lock file."""

    file_type: str
    lockfile_version: int


class SpackVersion(msgspec.Struct, frozen=True):
    """The version of Spack that wrote a lock file; from version 5 on."""

    version: str


class Root(msgspec.Struct, frozen=True):
    """A root spec as the user wrote it, and the key of its node."""

    hash: str
    spec: str
    group: str | None = None


class Included(msgspec.Struct, frozen=True):
    """The part of another environment's lock file that this one includes."""

    roots: list[Root] = []
    concrete_specs: dict[str, msgspec.Raw] = {}
    include_concrete: dict[str, Included] = {}


class Document(msgspec.Struct, frozen=True):
    """A lock file whose nodes are still raw JSON."""

    meta: Meta = msgspec.field(name="_meta")
    roots: list[Root]
    concrete_specs: dict[str, msgspec.Raw]
    spack: SpackVersion | None = None
    include_concrete: dict[str, Included] = {}


class OldEdge(msgspec.Struct, frozen=True):
    """A dependency in versions 1 to 3; the kind of hash is the name of its key."""

    hash: str | None = None
    build_hash: str | None = None
    name: str | None = None
    type: tuple[str, ...] = ()


class OldNode(msgspec.Struct, frozen=True):
    """A node in versions 1 to 3; in 1 and 2, its name is outside of it."""

    version: str
    arch: Architecture
    parameters: dict[str, Any] = {}
    dependencies: dict[str, OldEdge] | list[OldEdge] = {}
    name: str = ""
    hash: str | None = None
    compiler: Compiler | None = None
    external: External | None = None
    namespace: str | None = None


@dataclass(frozen=True)
class LockNode:
    """A concrete spec of a lock file, with the key that other nodes refer to.

    `compiler` is NAME@VERSION as the lock file has it, or `none`; `needed_keys` are the keys of all
    link and run dependencies, direct or not, sorted.
    """

    key: str
    node: Node
    compiler: str
    variants: list[str]
    needed_keys: list[str]
    root_specs: list[str] = field(default_factory=list)
    root_groups: list[str] = field(default_factory=list)

    @property
    def hash(self) -> str:
        """Return the spec's hash; it is the key, unless the lock file has both."""
        return self.node.hash or self.key


@dataclass(frozen=True)
class LockFile:
    """A lock file: its version, the version of Spack that wrote it, and its concrete specs."""

    version: int
    spack_version: str | None
    nodes: list[LockNode]

    @property
    def has_dag_hashes(self) -> bool:
        """Return whether its hashes are those of caches since Spack 0.18."""
        return self.version >= FIRST_WITH_DAG_HASHES


DOCUMENT_DECODER = msgspec.json.Decoder(Document)
NODE_DECODER = msgspec.json.Decoder(Node)
OLD_NODE_DECODER = msgspec.json.Decoder(OldNode)
NAMED_NODE_DECODER = msgspec.json.Decoder(dict[str, OldNode])


def read_lock(path: Path) -> LockFile:
    """Read a lock file.

    Raises
    ------
    SourceError
        It can't be read, is not a lock file, has an unknown version, or is inconsistent.
    """
    name = path_text(str(path))
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_LOCK_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{name}: can't be read: {error.strerror}; {CONCRETIZE}") from error
    if len(data) > MAX_LOCK_BYTES:
        raise SourceError(
            f"{name}: larger than {MAX_LOCK_BYTES:,} bytes, as no lock file is; {CONCRETIZE}"
        )
    try:
        return parse_lock(data)
    except PageError as error:
        raise SourceError(f"{name}: not a lock file that can be read: {error.message}") from error


def parse_lock(data: bytes) -> LockFile:
    """Read the bytes of a lock file.

    Raises
    ------
    PageError
        They are not a lock file of a known version, or are inconsistent; the message says what to
        do.
    """
    check_file_type(data)
    document = take(DOCUMENT_DECODER, data, "", "; concretize the environment again")
    version = document.meta.lockfile_version
    parts = list(included_parts(document))
    raw_nodes: dict[str, msgspec.Raw] = {}
    for part in parts:
        for key, raw in part.concrete_specs.items():
            raw_nodes.setdefault(key, raw)
    nodes = {key: read_lock_node(key, raw, version) for key, raw in raw_nodes.items()}
    check_keys(nodes, parts)
    needed = closures(nodes)
    lock_nodes = {
        key: lock_node(key, node, nodes, sorted(needed[key])) for key, node in nodes.items()
    }
    for part in parts:
        for root in part.roots:
            node = lock_nodes[root.hash]
            node.root_specs.append(root.spec)
            if root.group is not None and root.group not in node.root_groups:
                node.root_groups.append(root.group)
    spack_version = document.spack.version if document.spack else None
    return LockFile(version, spack_version, list(lock_nodes.values()))


class Claim(msgspec.Struct):
    """The part of a file that says whether it claims to be a lock file, and of which version."""

    meta: Any = msgspec.field(name="_meta", default=None)


CLAIM_DECODER = msgspec.json.Decoder(Claim)


def check_file_type(data: bytes) -> None:
    """Refuse a file that is not a lock file of a known version, before decoding it in full."""
    if not data.lstrip().startswith(b"{"):
        what = "a spack.yaml, perhaps" if b"spack:" in data else "expected JSON"
        raise bad_lock(f"{what}; {CONCRETIZE}")
    meta = take(CLAIM_DECODER, data, "", f"; {CONCRETIZE}").meta
    if not isinstance(meta, dict) or meta.get("file-type") != FILE_TYPE:
        raise bad_lock(f"expected '_meta' with 'file-type' {FILE_TYPE!r}; {CONCRETIZE}")
    version = meta.get("lockfile-version")
    if version not in VERSIONS or isinstance(version, bool):
        raise bad_lock(
            f"lockfile-version: expected {VERSIONS[0]} to {VERSIONS[-1]}, found {shown(version)}; "
            "a later version of cache-coverage may know it"
        )


def take(
    decoder: msgspec.json.Decoder[Any], data: bytes | msgspec.Raw, where: str, remedy: str
) -> Any:
    """Decode JSON to a type; the PageError says where it differs and what to do."""
    try:
        return decode(decoder, data)
    except PageError as error:
        raise bad_lock(f"{where}{error.message}{remedy}") from error


def bad_lock(message: str) -> PageError:
    """Return the error that rejects a lock file as a whole."""
    return PageError(RejectCode.BAD_VALUE, message)


def included_parts(document: Document | Included) -> Iterator[Document | Included]:
    """Yield an environment, then the environments that it includes, recursively."""
    waiting: list[Document | Included] = [document]
    while waiting:
        part = waiting.pop(0)
        yield part
        waiting.extend(part.include_concrete.values())


def read_lock_node(key: str, raw: msgspec.Raw, version: int) -> Node:
    """Read a node of any version into the form of an index, with keys in place of hashes."""
    where, remedy = f"concrete_specs, {shown(key)}: ", "; concretize the environment again"
    if version >= FIRST_WITH_DAG_HASHES:
        node: Node = take(NODE_DECODER, raw, where, remedy)
        return node
    if version == 3:
        old: OldNode = take(OLD_NODE_DECODER, raw, where, remedy)
        name = old.name
    else:
        named: dict[str, OldNode] = take(NAMED_NODE_DECODER, raw, where, remedy)
        if len(named) != 1:
            raise bad_lock(f"{where}expected one name, found {len(named)}{remedy}")
        ((name, old),) = named.items()
    edges = (
        [(edge_name, edge) for edge_name, edge in old.dependencies.items()]
        if isinstance(old.dependencies, dict)
        else [(edge.name or "", edge) for edge in old.dependencies]
    )
    return Node(
        name,
        old.version,
        old.arch,
        old.parameters,
        tuple(
            Edge(edge_name, edge.hash or edge.build_hash or "", edge.type)
            for edge_name, edge in edges
        ),
        old.hash,
        old.compiler,
        external=old.external,
        namespace=old.namespace,
    )


def check_keys(nodes: Mapping[str, Node], parts: Iterable[Document | Included]) -> None:
    """Refuse a lock file with a root or dependency that has no node."""
    for part in parts:
        for root in part.roots:
            if root.hash not in nodes:
                raise bad_lock(
                    f"roots: {shown(root.spec)} is {shown(root.hash)}, which concrete_specs lacks; "
                    "concretize the environment again"
                )
    for key, node in nodes.items():
        for edge in node.dependencies:
            if edge.hash not in nodes:
                raise bad_lock(
                    f"concrete_specs, {shown(key)}: depends on {shown(edge.name)} "
                    f"{shown(edge.hash)}, which concrete_specs lacks; "
                    "concretize the environment again"
                )


def closures(nodes: Mapping[str, Node]) -> dict[str, set[str]]:
    """Return the keys of each node's transitive link and run dependencies."""
    direct = {
        key: {
            edge.hash for edge in node.dependencies if not USED_DEPTYPES.isdisjoint(edge.deptypes)
        }
        for key, node in nodes.items()
    }
    needed: dict[str, set[str]] = {}
    try:
        for key in TopologicalSorter(direct).static_order():
            needed[key] = direct[key].union(*(needed[other] for other in direct[key]))
    except CycleError as error:
        circle = " > ".join(nodes[key].name for key in error.args[1])
        raise bad_lock(
            f"concrete_specs: {circle} depend on each other; concretize the environment again"
        ) from error
    return needed


def lock_node(key: str, node: Node, nodes: Mapping[str, Node], needed_keys: list[str]) -> LockNode:
    """Return a node with its compiler and variants."""
    try:
        variants = variants_of(node.parameters)
    except PageError as error:
        raise bad_lock(
            f"concrete_specs, {shown(key)}: {error.message}; concretize the environment again"
        ) from error
    compiler = compiler_of(node, dict(languages_of(node, nodes)))
    return LockNode(key, node, compiler, variants, needed_keys)


def languages_of(node: Node, nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """Yield each language with its compiler, as NAME@VERSION, from the dependencies."""
    for language in LANGUAGES:
        for edge in node.dependencies:
            if language in edge.parameters.virtuals and "build" in edge.deptypes:
                compiler = nodes[edge.hash]
                yield language, f"{compiler.name}@{compiler.version}"
                break
