"""Read an environment file into the roots that it intends, each with its place and rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SourceError, SpecSyntaxError
from pipeline.names import path_text
from pipeline.sources.rejects import PageError, RejectCode, shown
from pipeline.sources.stacks.conditions import Machine
from pipeline.sources.stacks.document import Entries, Items, Text, Value, merge, plain
from pipeline.sources.stacks.expand import (
    Combination,
    Item,
    Lists,
    Splice,
    check_size,
    expand,
    one_line,
)
from pipeline.sources.stacks.rules import Rules, rules_of
from pipeline.sources.stacks.scopes import (
    Place,
    is_null,
    read_scopes,
    settled_packages,
    wrong_type,
)
from pipeline.specs.constrain import ContradictionError

DEFAULT_GROUP = "default"
GROUP_KEYS = {"group", "specs", "matrix", "exclude", "needs", "override", "explicit"}


@dataclass(frozen=True)
class Root:
    """A spec that a stack intends.

    `number` counts the stack's roots from 1. `doubt` says why it can't be judged, whatever a
    cache holds: it may not apply, or can't be parsed.
    """

    number: int
    group: str
    spec: str
    place: Place
    package: str | None
    rules: Rules
    doubt: str | None = None


@dataclass(frozen=True)
class StackFile:
    """The contents of an environment file; `notes` say what was ignored, with the place."""

    roots: list[Root]
    notes: list[str]


@dataclass
class Group:
    """A group of specs: its entries, and what it overrides."""

    items: list[Item]
    packages: dict[str, Any]


def read_stack_alone(path: Path, machine: Machine) -> StackFile:
    """Read an environment file that a user names.

    Raises
    ------
    SourceError
        It can't be read, or is none.
    """
    name = path_text(str(path))
    try:
        return read_stack(path, name, machine)
    except PageError as error:
        place = name if error.code == RejectCode.UNREADABLE else Place(name, error.line)
        is_other = error.code in (RejectCode.UNREADABLE, RejectCode.MISSING_KEY)
        remedy = "; name the spack.yaml of an environment" * is_other
        raise SourceError(f"{place}: {error.message}{remedy}") from error


def read_stack(path: Path, name: str, machine: Machine) -> StackFile:
    """Read an environment file, called `name` in messages.

    Raises
    ------
    PageError
        It can't be read, is not an environment file, or is one that Spack would refuse.
    """
    scopes = read_scopes(path, name, machine)
    lists = Lists(scopes, machine)
    groups = read_groups(name, scopes.specs, lists)
    place = Place(name, 1)
    check_size(Splice([item for group in groups.values() for item in group.items]), place)
    roots: list[Root] = []
    for group_name, group in groups.items():
        packages = merge(scopes.packages, group.packages)
        known: dict[str | None, Rules] = {}
        for combination in expand(group.items, place):
            package, doubt = package_of(combination, scopes.toolchains)
            if package not in known:
                known[package] = rules_of(package, packages)
            roots.append(
                Root(
                    len(roots) + 1,
                    group_name,
                    combination.text(),
                    combination.place,
                    package,
                    known[package],
                    combination.doubt or doubt,
                )
            )
    return StackFile(roots, scopes.notes)


def read_groups(file: str, specs: Value | None, lists: Lists) -> dict[str, Group]:
    """Return the groups of `specs` by name: ungrouped specs first, then in the file's order."""
    groups = {DEFAULT_GROUP: Group([], {})}
    if specs is None or is_null(specs):
        return groups
    if not isinstance(specs, Items):
        raise wrong_type("specs: expected a list", specs)
    for value in specs.values:
        if not isinstance(value, Entries):
            groups[DEFAULT_GROUP].items += lists.items(file, Items([value], value.line))
            continue
        name = text_of(value.values.get("group")) or DEFAULT_GROUP
        if name != DEFAULT_GROUP and name in groups:
            raise PageError(
                RejectCode.BAD_VALUE,
                f"expected group {shown(name)} once, found it again",
                value.line,
            )
        group = groups.setdefault(name, Group([], {}))
        read_group(file, value, group, lists, is_named=name != DEFAULT_GROUP)
        check_needs(file, value, lists)
    names = {name: Place(file, 1) for name in groups}
    for needed, place in needed_groups(file, specs):
        if needed not in names:
            lists.scopes.notes.append(f"{place}: needs group {shown(needed)}, which there is not")
    return groups


def read_group(file: str, value: Entries, group: Group, lists: Lists, *, is_named: bool) -> None:
    """Add an entry of `specs` that is a mapping to its group.

    With a key that is not known, its specs may be meant under some condition only.
    """
    if not value.values.keys() & GROUP_KEYS:
        key = next(iter(value.values), "")
        raise PageError(
            RejectCode.BAD_VALUE,
            f"specs: expected a spec, a matrix or a group, found a mapping with {shown(key)}; "
            "quote a spec that ends with a colon",
            value.line,
        )
    doubt = None
    for key in sorted(value.values.keys() - GROUP_KEYS):
        doubt = f"{Place(file, value.lines[key])}: {shown(key)} is not supported"
        lists.scopes.notes.append(doubt)
    specs = value.values.get("specs")
    if "matrix" in value.values:
        own = {key: part for key, part in value.values.items() if key in ("matrix", "exclude")}
        matrix = Entries(own, value.line, value.lines)
        items = list(lists.items(file, Items([matrix], value.line)))
        group.items.append(Splice(items, doubt=doubt))
    if isinstance(specs, Items) and "matrix" not in value.values:
        group.items.append(Splice(list(lists.items(file, specs)), doubt=doubt))
    elif specs is not None and not is_null(specs):
        raise wrong_type("specs: expected a list beside no matrix", specs)
    override = value.values.get("override")
    if override is None or is_null(override):
        return
    if not isinstance(override, Entries):
        raise wrong_type("override: expected a mapping", override)
    packages = plain(override).get("packages")
    # As Spack has it, specs of no group have no configuration of their own.
    if is_named and isinstance(packages, dict):
        group.packages = settled_packages(packages)


def text_of(value: Value | None) -> str | None:
    """Return the text of a scalar; None for null and other types."""
    return value.text if isinstance(value, Text) and not value.is_null else None


def needed_groups(file: str, specs: Items) -> Iterator[tuple[str, Place]]:
    """Yield the groups that others name as needed before them."""
    for value in specs.values:
        needs = value.values.get("needs") if isinstance(value, Entries) else None
        if isinstance(needs, Items):
            for need in needs.values:
                yield text_of(need) or "", Place(file, need.line)


def check_needs(file: str, value: Entries, lists: Lists) -> None:
    """Record a `needs` that is not a list."""
    needs = value.values.get("needs")
    if needs is not None and not isinstance(needs, Items):
        lists.scopes.notes.append(f"{Place(file, needs.line)}: needs: expected a list of groups")


def package_of(
    combination: Combination, toolchains: tuple[str, ...]
) -> tuple[str | None, str | None]:
    """Return the package that a root is of, or why the root can't be judged."""
    try:
        node = combination.node()
    except (SpecSyntaxError, ContradictionError) as error:
        return None, one_line(error)
    if node.name is None:
        return None, "it names no package"
    used = next((edge.node.name for edge in node.edges() if edge.node.name in toolchains), None)
    return node.name, None if used is None else f"%{used} is a toolchain, which is not read here"
