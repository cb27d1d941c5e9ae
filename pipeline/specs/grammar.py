r"""Spack's grammar of abstract specs: parse text to a tree, and format it back.

    hdf5@1.14:+mpi %gcc@12 ^zlib-ng@2 target=x86_64_v3:

Everything from `^` or `%` to the next of these belongs to that dependency; `%` is a direct
dependency of the node before it, `^` one of the root. The grammar is that of Spack 1.0
(lib/spack/spack/spec_parser.py). Its unsupported parts are refused by name and position:
propagation (`++x`, `x==1`, `%%gcc`), conditional dependencies (`when=`), files, and words for a
default of the local machine (`os=fe`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipeline.errors import SpecSyntaxError
from pipeline.specs.versions import ExactVersion, VersionElement, VersionRange

IDENTIFIER = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
DOTTED = rf"{IDENTIFIER}(?:\.{IDENTIFIER})*"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
VALUE = r"[A-Za-z0-9_\-+*.,:=%^~/\\]+"
QUOTED = r"'(?:\\'|[^'])*'|\"(?:\\\"|[^\"])*\""
ONE_VERSION = r"=?[A-Za-z0-9_][A-Za-z0-9_.\-]*"
# A range is open if what follows is a key: `@1.2: target=zen2`.
ONE_RANGE = rf"(?:{ONE_VERSION})?\s*:\s*(?:[A-Za-z0-9_][A-Za-z0-9_.\-]*(?![A-Za-z0-9_.\-]|\s*:?=))?"
GIT_VERSION = (
    r"(?:git\.[A-Za-z0-9_][A-Za-z0-9_./\-]*|[0-9A-Fa-f]{40})(?:=[A-Za-z0-9_][A-Za-z0-9_.\-]*)?"
)
ELEMENT = rf"(?:{ONE_RANGE}|{ONE_VERSION})"
TOKENS = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<edge>(?:\^|%%|%)\[)
  | (?P<dependency>\^|%%|%)
  | (?P<git>@=?{GIT_VERSION}(?![A-Za-z0-9_.\-]))
  | (?P<version>@\s*{ELEMENT}(?:\s*,\s*{ELEMENT})*)
  | (?P<propagated>(?:\+\+|~~|--)\s*{NAME}|{NAME}:?==(?:{QUOTED}|{VALUE}))
  | (?P<flag>[+~-]\s*{NAME})
  | (?P<pair>{NAME}:?=(?:{QUOTED}|{VALUE}))
  | (?P<file>(?:\.|/|{NAME}/)[A-Za-z0-9_./-]*\.(?:json|yaml)(?![A-Za-z0-9_./-]))
  | (?P<hash>/[A-Za-z0-9_]+)
  | (?P<name>{DOTTED}|\*)
    """,
    re.VERBOSE,
)
ASSIGNMENT = re.compile(rf"\s*({IDENTIFIER}(?:,{IDENTIFIER})*)=(?={IDENTIFIER})")
EDGE_PAIR = re.compile(rf"\s*({NAME}):?=({QUOTED}|[^\s\]]+)")
EDGE_END = re.compile(r"\s*\]")
BARE_VALUE = re.compile(r"[A-Za-z0-9_\-+*.,:=%^~/\\]+")
PAIR = re.compile(rf"(?P<key>{NAME})(?P<exact>:?)=(?P<value>.*)", re.DOTALL)
FLAG_KEYS = ("cflags", "cppflags", "cxxflags", "fflags", "ldflags", "ldlibs")
OS_KEYS = ("os", "operating_system")
ARCH_KEYS = ("arch", "architecture")
# Words for defaults of the local machine, which a cache does not have.
DEFAULTS = ("fe", "be", "frontend", "backend", "default_os", "default_target")
ANY_PACKAGE = "*"
UNSUPPORTED = "is not supported by find"
MAX_VERSION = 500  # characters; versions in the tables have half as many, a range has two
HASH_LETTERS = re.compile(r"[a-z2-7]{1,32}")


@dataclass(frozen=True)
class Variant:
    """A requested variant: on, off, or with values; `is_exact`: and no other values."""

    name: str
    value: bool | tuple[str, ...]
    is_exact: bool = False

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return f"{'+' if self.value else '~'}{self.name}"
        return f"{self.name}{':=' if self.is_exact else '='}{quoted(','.join(self.value))}"


@dataclass(frozen=True)
class Edge:
    """A requested dependency, which has to provide one of `virtuals` and be one of `deptypes`."""

    node: Node
    is_direct: bool
    virtuals: tuple[str, ...] = ()
    deptypes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sigil = "%" if self.is_direct else "^"
        attributes = [
            f"{name}={','.join(values)}"
            for name, values in (("deptypes", self.deptypes), ("virtuals", self.virtuals))
            if values
        ]
        opening = f"{sigil}[{' '.join(attributes)}] " if attributes else sigil
        return f" {opening}{str(self.node).lstrip()}"


@dataclass(frozen=True)
class Node:
    """An abstract spec, or one of its dependencies: what it leaves out is unconstrained."""

    name: str | None = None
    namespace: str | None = None
    versions: tuple[VersionElement, ...] = ()
    variants: tuple[Variant, ...] = ()
    flags: tuple[tuple[str, str], ...] = ()
    platform: str | None = None
    os: str | None = None
    target: str | None = None
    hash: str | None = None
    dependencies: tuple[Edge, ...] = ()

    def __str__(self) -> str:
        name = self.name or ""
        text = f"{self.namespace}.{name}" if self.namespace and name else name
        if self.versions:
            text += "@" + ",".join(map(str, self.versions))
        # A space, since otherwise the previous value would continue.
        text += "".join(f" {variant}" for variant in self.variants)
        pairs = [*self.flags, *self.architecture()]
        if self.namespace and not name:
            pairs.append(("namespace", self.namespace))
        text += "".join(f" {key}={quoted(value)}" for key, value in pairs)
        if self.hash:
            text += f" /{self.hash}"
        return (text or ANY_PACKAGE) + "".join(map(str, self.dependencies))

    def architecture(self) -> list[tuple[str, str]]:
        """Return the constraints on platform, os and target."""
        asked = {"platform": self.platform, "os": self.os, "target": self.target}
        return [(key, value) for key, value in asked.items() if value is not None]

    def edges(self) -> Iterator[Edge]:
        """Yield the requested dependencies, each followed by its own."""
        for edge in self.dependencies:
            yield edge
            yield from edge.node.edges()


def quoted(value: str) -> str:
    """Quote a value if necessary."""
    if BARE_VALUE.fullmatch(value):
        return value
    return '"' + value.replace('"', '\\"') + '"'


@dataclass
class Building:
    """A node being parsed, with its dependencies so far."""

    node: Node
    edges: list[tuple[Building, Edge]] = field(default_factory=list)
    empty_at: int | None = None  # its position, until it has a constraint

    def finished(self) -> Node:
        """Return the node with its dependencies."""
        edges = tuple(replace(edge, node=child.finished()) for child, edge in self.edges)
        return replace(self.node, dependencies=edges)


def parse_spec(text: str) -> Node:
    """Parse one abstract spec.

    Raises
    ------
    SpecSyntaxError
        It is invalid, or unsupported; the message shows the position.
    """
    return Parser(text).parse()


class Parser:
    """A text, and the position in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.root = Building(Node())
        self.parent = self.root  # of direct dependencies
        self.current = self.root  # of all else
        self.is_empty = True  # so far

    def parse(self) -> Node:
        """Parse the text to its end."""
        while self.place < len(self.text):
            match = TOKENS.match(self.text, self.place)
            if match is None:
                raise self.error(f"unexpected {self.text[self.place]!r}", self.place)
            kind = str(match.lastgroup)
            start, self.place = match.span()
            getattr(self, f"take_{kind}")(match[0], start)
        self.check_current()
        if self.is_empty:
            raise self.error("expected a spec, as hdf5@1.14:+mpi, found nothing", 0)
        return self.root.finished()

    def error(self, problem: str, place: int) -> SpecSyntaxError:
        """Return an error that shows a position in the text."""
        line = re.sub(r"\s", " ", self.text)
        return SpecSyntaxError(
            f"spec: {problem}, at character {place + 1}:\n  {line}\n  {' ' * place}^"
        )

    def unsupported(self, what: str, place: int) -> SpecSyntaxError:
        """Return the error for an unsupported part of Spack's grammar."""
        return self.error(f"{what} {UNSUPPORTED}", place)

    def change(self, **changes: object) -> None:
        """Add a constraint to the current node."""
        self.current.node = replace(self.current.node, **changes)  # type: ignore[arg-type]
        self.current.empty_at = None
        self.is_empty = False

    def check_current(self) -> None:
        """Refuse a dependency without a constraint."""
        if self.current.empty_at is not None:
            raise self.error(
                "expected a package or a property of the dependency", self.current.empty_at
            )

    def take_space(self, token: str, start: int) -> None:
        """Skip spaces."""

    def take_name(self, token: str, start: int) -> None:
        """Parse a package name, which starts a node."""
        node = self.current.node
        if node != Node():
            raise self.error(f"one spec at a time: {token!r} begins another", start)
        if token == ANY_PACKAGE:
            self.is_empty = False
            self.current.empty_at = None
            return
        namespace, _, name = token.rpartition(".")
        self.change(name=name, namespace=namespace or None)

    def take_version(self, token: str, start: int) -> None:
        """Parse a list of versions and ranges."""
        self.check_one("versions", "version", start)
        elements = []
        for element in re.sub(r"\s", "", token[1:]).split(","):
            self.check_length(element, start)
            if ":" in element:
                low, _, high = element.partition(":")
                found: VersionElement = VersionRange(low.removeprefix("="), high)
            elif element.startswith("="):
                found = ExactVersion(element[1:])
            else:
                found = VersionRange(element, element)
            if isinstance(found, VersionRange) and found.is_empty:
                raise self.error(f"the range {element} is empty", start)
            elements.append(found)
        self.change(versions=tuple(elements))

    def take_git(self, token: str, start: int) -> None:
        """Parse a git version."""
        self.check_one("versions", "version", start)
        self.check_length(token, start)
        self.change(versions=(ExactVersion(token[1:].removeprefix("=")),))

    def check_length(self, version: str, start: int) -> None:
        """Refuse a version longer than any: Python reads no number of some thousand digits."""
        if len(version) > MAX_VERSION:
            raise self.error(f"a version of more than {MAX_VERSION} characters", start)

    def take_flag(self, token: str, start: int) -> None:
        """Parse a boolean variant."""
        self.add_variant(Variant(token[1:].strip(), token[0] == "+"), start)

    def take_propagated(self, token: str, start: int) -> None:
        """Refuse propagation to dependencies."""
        raise self.unsupported(f"propagation of {token!r} to dependencies", start)

    def take_file(self, token: str, start: int) -> None:
        """Refuse a file with a concrete spec."""
        raise self.unsupported(f"a spec from a file, {token!r},", start)

    def take_hash(self, token: str, start: int) -> None:
        """Parse a hash prefix."""
        self.check_one("hash", "hash", start)
        if not HASH_LETTERS.fullmatch(token[1:]):
            raise self.error(f"{token!r} is not a hash: expected up to 32 of a-z and 2-7", start)
        self.change(hash=token[1:])

    def take_pair(self, token: str, start: int) -> None:
        """Parse a key and value: part of the architecture, flags, or a variant."""
        match = PAIR.fullmatch(token)
        if match is None:
            raise self.error(f"unexpected {token!r}", start)
        key, value = match["key"], unquoted(match["value"])
        if key in ("platform", "target", *OS_KEYS):
            attribute = "os" if key in OS_KEYS else key
            self.check_one(attribute, key, start)
            self.check_default(value, start)
            self.change(**{attribute: value})
        elif key in ARCH_KEYS:
            self.take_architecture(value, start)
        elif key == "namespace":
            self.check_one("namespace", key, start)
            self.change(namespace=value)
        elif key in FLAG_KEYS:
            self.change(flags=(*self.current.node.flags, (key, value)))
        elif value.lower() in ("true", "false"):
            self.add_variant(Variant(key, value.lower() == "true"), start)
        else:
            values = tuple(sorted(set(value.split(","))))
            self.add_variant(Variant(key, values, bool(match["exact"])), start)

    def take_architecture(self, value: str, start: int) -> None:
        """Parse platform, os and target in one; `None` is no constraint."""
        parts = value.split("-")
        if len(parts) != len(("platform", "os", "target")):
            raise self.error(f"arch={value}: expected PLATFORM-OS-TARGET", start)
        for attribute, part in zip(("platform", "os", "target"), parts, strict=True):
            if part not in ("None", "none", ""):
                self.check_one(attribute, attribute, start)
                self.check_default(part, start)
                self.change(**{attribute: part})

    def take_dependency(self, token: str, start: int) -> None:
        """Parse the start of a dependency, perhaps with virtual packages: `%c,cxx=gcc`."""
        self.check_propagation(token, start)
        self.open_dependency(token, start, self.assignment())

    def take_edge(self, token: str, start: int) -> None:
        """Parse the start of a dependency with attributes: `^[virtuals=mpi] openmpi`."""
        self.check_propagation(token[:-1], start)
        found: dict[str, tuple[str, ...]] = {}
        while not (end := EDGE_END.match(self.text, self.place)):
            pair = EDGE_PAIR.match(self.text, self.place)
            if pair is None:
                raise self.error("expected virtuals=…, deptypes=… or ']'", self.place)
            key = pair[1]
            if key == "when":
                raise self.unsupported("a condition of a dependency, when=,", pair.start(1))
            if key not in ("virtuals", "deptypes"):
                raise self.error(f"a dependency has no attribute {key!r}", pair.start(1))
            found[key] = tuple(unquoted(pair[2]).split(","))
            self.place = pair.end()
        self.place = end.end()
        virtuals = (*found.get("virtuals", ()), *self.assignment())
        self.open_dependency(token[:-1], start, virtuals, found.get("deptypes", ()))

    def assignment(self) -> tuple[str, ...]:
        """Parse `c,cxx=` before the name of a dependency."""
        match = ASSIGNMENT.match(self.text, self.place)
        if match is None:
            return ()
        self.place = match.end()
        return tuple(match[1].split(","))

    def open_dependency(
        self, sigil: str, start: int, virtuals: tuple[str, ...], deptypes: tuple[str, ...] = ()
    ) -> None:
        """Start a dependency: of the current node for `%`, of the root for `^`."""
        self.check_current()
        is_direct = sigil == "%"
        child = Building(Node(), empty_at=start)
        parent = self.parent if is_direct else self.root
        parent.edges.append((child, Edge(child.node, is_direct, virtuals, deptypes)))
        self.current = child
        if not is_direct:
            self.parent = child

    def add_variant(self, variant: Variant, start: int) -> None:
        """Add a variant; refuse a duplicate."""
        variants = self.current.node.variants
        if any(known.name == variant.name for known in variants):
            raise self.error(f"duplicate variant {variant.name!r}", start)
        self.change(variants=(*variants, variant))

    def check_one(self, attribute: str, what: str, start: int) -> None:
        """Refuse a second version, os and so on for one node."""
        if getattr(self.current.node, attribute):
            raise self.error(f"a second {what} of one spec", start)

    def check_default(self, value: str, start: int) -> None:
        """Refuse words for defaults of the local machine."""
        if value in DEFAULTS:
            raise self.unsupported(f"{value!r}, what this machine has by default,", start)

    def check_propagation(self, sigil: str, start: int) -> None:
        """Refuse a propagated dependency."""
        if sigil == "%%":
            raise self.unsupported("propagation of a dependency, '%%',", start)


def unquoted(value: str) -> str:
    """Return a value without its quotes."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1].replace(f"\\{value[0]}", value[0])
    return value
