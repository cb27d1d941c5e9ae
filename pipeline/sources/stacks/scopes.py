"""The configuration of an environment file: its own sections, and those of local includes.

Only `definitions` and `packages` are taken from includes. Others, above all URLs,
are not guessed: a note says what they may hide.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.names import path_text
from pipeline.sources.rejects import PageError, RejectCode, shown
from pipeline.sources.stacks.conditions import ConditionError, Machine, evaluate
from pipeline.sources.stacks.document import (
    MAX_BYTES,
    Entries,
    Items,
    Text,
    Value,
    merge,
    plain,
    read_document,
)

TOP_KEYS = ("spack", "env")  # `env` before Spack 0.18
LOCK_KEY = "concrete_specs"  # of lock files, of which newer ones have `spack` too
# Sections that affect neither which specs are intended nor the rules for packages.
OTHER_SECTIONS = {
    "bootstrap",
    "cdash",
    "ci",
    "compilers",
    "concretization",
    "concretizer",
    "config",
    "container",
    "develop",
    "env_vars",
    "gitlab-ci",
    "mirrors",
    "modules",
    "repos",
    "upstreams",
    "view",
}
TAKEN_SECTIONS = ("definitions", "packages", "include")
INCLUDE_KEYS = {"path", "when", "optional", "sha256", "name", "prefer_modify"}
REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
MAX_INCLUDES = 100
MAX_NESTING = 10


@dataclass(frozen=True)
class Place:
    """A position: the file's name as shown to users, and a line number from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Scopes:
    """The merged configuration of an environment file and its includes.

    `definitions` are in Spack's order, each with the file that it is from: the file's own before
    those that it includes. `packages` is the merged section. `unread` names the includes that were
    unavailable; `notes` has these and everything else that was left out.
    """

    specs: Value | None = None
    definitions: list[tuple[str, Value]] = field(default_factory=list)
    packages: dict[str, Any] = field(default_factory=dict)
    toolchains: tuple[str, ...] = ()
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_scopes(path: Path, name: str, machine: Machine) -> Scopes:
    """Read an environment file, called `name` in messages, and what it includes.

    Raises
    ------
    PageError
        The file itself can't be read, or is not an environment file.
    """
    document = read_document(read_file(path))
    if isinstance(document, Entries) and LOCK_KEY in document.values:
        raise PageError(
            RejectCode.MISSING_KEY,
            "expected an environment file, found a lock file, which 'cache-coverage lock' reads",
            document.line,
        )
    key = next(
        (key for key in TOP_KEYS if isinstance(document, Entries) and key in document.values), None
    )
    if key is None or not isinstance(document, Entries):
        raise PageError(
            RejectCode.MISSING_KEY,
            "expected an environment file, with 'spack:' on top; found none",
            document.line,
        )
    reader = ScopeReader(path, name, machine)
    for other, line in document.lines.items():
        if other != key:
            reader.note(Place(name, line), f"{shown(other)} beside '{key}:' is not read")
    top = document.values[key]
    if isinstance(top, Text) and top.is_null:
        return reader.scopes
    if not isinstance(top, Entries):
        raise wrong_type(f"{key}: expected a mapping", top)
    reader.scopes.specs = top.values.get("specs")
    reader.scopes.toolchains = tuple(toolchain_names(top.values.get("toolchains")))
    sections = reader.take(path, name, top, 0, is_environment=True)
    for section in reversed(sections):
        reader.scopes.packages = merge(reader.scopes.packages, section)
    return reader.scopes


def wrong_type(expected: str, found: Value) -> PageError:
    """Return the error for a value of another type."""
    kind = {Text: "text", Items: "a list", Entries: "a mapping"}[type(found)]
    return PageError(RejectCode.WRONG_TYPE, f"{expected}, found {kind}", found.line)


def read_file(path: Path) -> bytes:
    """Read a file that may be hostile.

    Raises
    ------
    PageError
        It is not a regular file, can't be read, or is too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PageError(RejectCode.UNREADABLE, "can't be read: not a regular file")
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PageError(RejectCode.UNREADABLE, f"can't be read: {error.strerror}") from error


def toolchain_names(section: Value | None) -> Iterator[str]:
    """Yield the names of the toolchains that a file defines."""
    if isinstance(section, Entries):
        yield from section.values


class ScopeReader:
    """Reads one environment file with its includes."""

    def __init__(self, path: Path, name: str, machine: Machine) -> None:
        self.folder = path.parent
        self.name_folder = Path(name).parent
        self.machine = machine
        self.scopes = Scopes()
        self.include_count = 0
        self.open: list[str] = [os.path.realpath(path)]  # files and folders that include each other

    def note(self, place: Place, text: str) -> None:
        """Record what was ignored."""
        self.scopes.notes.append(f"{place}: {text}")

    def take(
        self,
        path: Path,
        name: str,
        sections: Entries,
        depth: int,
        *,
        is_environment: bool = False,
    ) -> list[dict[str, Any]]:
        """Read a file's sections; return its `packages` and those of includes, highest first."""
        for section, line in sections.lines.items():
            known = section.rstrip(":") in {*OTHER_SECTIONS, *TAKEN_SECTIONS}
            if not known and not (is_environment and section in ("specs", "toolchains")):
                self.note(Place(name, line), f"section {shown(section)} is not supported")
        definitions = sections.values.get("definitions")
        if isinstance(definitions, Items):
            self.scopes.definitions += [(name, entry) for entry in definitions.values]
        elif definitions is not None and not is_null(definitions):
            raise wrong_type("definitions: expected a list", definitions)
        found = []
        for key in ("packages", "packages:"):
            packages = sections.values.get(key)
            if isinstance(packages, Entries):
                found.append(settled_packages(plain(packages)))
            elif packages is not None and not is_null(packages):
                raise wrong_type("packages: expected a mapping", packages)
        include = sections.values.get("include", sections.values.get("include:"))
        if isinstance(include, Items):
            for entry in include.values:
                found += self.include(path.parent, name, entry, depth)
        elif include is not None and not is_null(include):
            raise wrong_type("include: expected a list", include)
        return found

    def include(self, folder: Path, name: str, entry: Value, depth: int) -> list[dict[str, Any]]:
        """Read one entry of `include`; record it if it is unavailable."""
        place = Place(name, entry.line)
        written, is_optional = self.included_path(place, entry)
        if written is None:
            return []
        path = self.local_path(folder, written)
        if path is None:
            self.miss(place, written, "is not read: nothing is downloaded")
            return []
        real = os.path.realpath(path)
        self.include_count += 1
        if real in self.open or depth >= MAX_NESTING or self.include_count > MAX_INCLUDES:
            why = "includes itself" if real in self.open else "is one of too many"
            self.miss(place, written, why)
            return []
        self.open.append(real)
        try:
            if path.is_dir():
                files = [path / f"{section}.yaml" for section in TAKEN_SECTIONS]
                parts = [self.read(file, place, written, depth) for file in files if file.is_file()]
                return [packages for part in parts for packages in part]
            if not path.exists():
                if not is_optional:
                    self.miss(place, written, "is not there")
                return []
            return self.read(path, place, written, depth)
        finally:
            self.open.pop()

    def included_path(self, place: Place, entry: Value) -> tuple[str | None, bool]:
        """Return the path of an entry, if it applies, and whether the file is optional."""
        if isinstance(entry, Text):
            return (None if entry.is_null else entry.text), False
        if not isinstance(entry, Entries):
            raise wrong_type("include: expected a path", entry)
        path = entry.values.get("path")
        if not isinstance(path, Text):
            where = entry.values.get("git")
            self.miss(
                place,
                where.text if isinstance(where, Text) else "without a path",
                "is not read: nothing is downloaded",
            )
            return None, False
        unknown = sorted(entry.values.keys() - INCLUDE_KEYS)
        if unknown:
            self.miss(place, path.text, f"is not read: {shown(unknown[0])} is not supported")
            return None, False
        when = entry.values.get("when")
        if isinstance(when, Text):
            try:
                if not evaluate(when.text, self.machine):
                    self.note(place, f"include {path.text} left out: {when.text!r} is false here")
                    return None, False
            except ConditionError as error:
                self.miss(place, path.text, f"is not read: when {when.text!r}: {error}")
                return None, False
        optional = entry.values.get("optional")
        return path.text, isinstance(optional, Text) and optional.text.lower() == "true"

    def local_path(self, folder: Path, written: str) -> Path | None:
        """Return the path on disk; None if it is remote or has an unknown variable."""
        if REMOTE.match(written):
            return None
        known = {
            "env": str(self.folder),
            "platform": self.machine.platform,
            "os": self.machine.os,
            "operating_system": self.machine.os,
            "target": self.machine.target,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        }
        is_known = True

        def value(match: re.Match[str]) -> str:
            nonlocal is_known
            name = match[1] or match[2]
            found = known.get(name) or self.machine.environment.get(name)
            is_known &= found is not None
            return found or ""

        text = VARIABLE.sub(value, written.removeprefix("file://"))
        if not is_known:
            return None
        return folder / Path(text).expanduser()

    def read(self, path: Path, place: Place, written: str, depth: int) -> list[dict[str, Any]]:
        """Read an included file; record one that can't be read."""
        name = self.name_of(path)
        before = len(self.scopes.definitions)
        try:
            document = read_document(read_file(path))
            if is_null(document):
                return []
            if not isinstance(document, Entries):
                raise wrong_type("expected a mapping", document)
            return self.take(path, name, document, depth + 1)
        except PageError as error:
            del self.scopes.definitions[before:]
            self.miss(place, written, f"can't be read: {name}:{error.line}: {error.message}")
            return []

    def name_of(self, path: Path) -> str:
        """Return the name of an included file, in the form of the environment file's."""
        below = os.path.relpath(path, self.folder)
        return path_text(os.path.normpath(self.name_folder / below))

    def miss(self, place: Place, written: str, why: str) -> None:
        """Record an include that is unavailable."""
        self.scopes.unread.append(written)
        self.note(place, f"include {written} {why}; it may hide definitions and requirements")


def is_null(value: Value) -> bool:
    """Return whether a value is YAML's null."""
    return isinstance(value, Text) and value.is_null


def settled_packages(packages: dict[str, Any]) -> dict[str, Any]:
    """Return section `packages` without entries that are not mappings."""
    return {name: entry for name, entry in packages.items() if isinstance(entry, dict)}
