"""Versions in Spack's order, and the version constraints of `@`.

The rules are Spack's, in lib/spack/spack/version; sql/reference/version_key.sql has the same order
for the database, and a test compares the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

# Newer than every number, in this order.
INFINITE = ("stable", "nightly", "trunk", "head", "master", "main", "develop")
PHASES = ("alpha", "beta", "rc", "final")
FINAL = PHASES.index("final")
SEGMENT = re.compile(r"[0-9]+|[a-zA-Z]+")
GIT = re.compile(r"git\.|[0-9a-fA-F]{40}(?:=|$)")

# A word, a number or an infinite version, with its class: lower classes are older.
Component = tuple[int, str | int]
WORD, NUMBER, INFINITY = range(3)
# The components, then the phase and its number: 1.2-rc3 is ((1.2), (rc, 3)).
Order = tuple[tuple[Component, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Version:
    """A version of a spec; a git version counts in ranges as the version that it stands for."""

    text: str

    @property
    def is_git(self) -> bool:
        """Return whether it names a commit, branch or tag."""
        return bool(GIT.match(self.text))

    @property
    def standard(self) -> str:
        """Return the version that it stands for; empty for a git version that stands for none."""
        return self.text.partition("=")[2] if self.is_git else self.text

    @cached_property
    def order(self) -> Order:
        """Return the sort key by Spack's comparison of versions; 1.01 and 1.1 are equal."""
        return order_of(self.standard)


@lru_cache(maxsize=65536)
def order_of(text: str) -> Order:
    """Return the sort key of a version.

    >>> order_of("1.2-rc3") < order_of("1.2") < order_of("1.10") < order_of("develop")
    True
    """
    segments = SEGMENT.findall(text)
    phase: tuple[int, ...] = (FINAL,)
    if len(segments) > 2 and segments[-2] in PHASES and segments[-1].isdigit():
        phase = (PHASES.index(segments[-2]), int(segments[-1]))
        segments = segments[:-2]
    elif len(segments) > 1 and segments[-1] in PHASES:
        phase = (PHASES.index(segments[-1]),)
        segments = segments[:-1]
    return tuple(map(component_of, segments)), phase


def component_of(segment: str) -> Component:
    """Return the sort key of one segment of a version."""
    if segment in INFINITE:
        return INFINITY, INFINITE.index(segment)
    return (NUMBER, int(segment)) if segment.isdigit() else (WORD, segment)


def version_key(text: str) -> str:
    """Return the sort key that the SQL macro of the same name returns.

    >>> version_key("1.10") > version_key("1.9")
    True
    """
    version = Version(text)
    if version.is_git and not version.standard:
        return f"~{text}"
    release, phase = version.order
    parts = [".".join(map(component_key, release)), f" {phase[0]}"]
    if len(phase) > 1:
        parts.append("." + component_key((NUMBER, phase[1])))
    if version.is_git:
        parts.append(" " + text.partition("=")[0])
    return "".join(parts)


def component_key(component: Component) -> str:
    """Return the text sort key of a component."""
    kind, value = component
    if kind == INFINITY:
        return f"2{int(value) + 1}"
    if kind == NUMBER:
        digits = str(value) if value else ""
        return f"1{len(digits):09}{digits}"
    return f"0{value}"


def after(order: Order) -> Order:
    """Return the exclusive end of a range up to a version: 1.5 for `:1.4`.

    So 1.4.7 is in `:1.4`, and so is 1.5-rc1, as in Spack.
    """
    release, phase = order
    if phase != (FINAL,):
        return release, (phase[0], phase[1] + 1 if len(phase) > 1 else 0)
    if not release:
        return ((WORD, "A"),), phase
    kind, value = release[-1]
    last = next_word(value) if isinstance(value, str) else value + 1
    return (*release[:-1], (kind, last)), phase


def next_word(word: str) -> str:
    """Return the next word: `b` follows everything that starts with `a`."""
    if word.endswith("z"):
        return word + "A"
    return word[:-1] + ("a" if word[-1] == "Z" else chr(ord(word[-1]) + 1))


@dataclass(frozen=True)
class VersionRange:
    """A range of versions, both ends as prefixes; an empty end is open."""

    low: str
    high: str

    def __str__(self) -> str:
        return self.low if self.low and self.low == self.high else f"{self.low}:{self.high}"

    @property
    def is_empty(self) -> bool:
        """Return whether no version is in it, because its ends are swapped."""
        return bool(self.low and self.high and after(order_of(self.high)) <= order_of(self.low))

    def holds(self, version: Version) -> bool | None:
        """Return whether a version is in it; None for a git version without a version."""
        if not self.low and not self.high:
            return True
        if not version.standard:
            return None
        return (not self.low or order_of(self.low) <= version.order) and (
            not self.high or version.order < after(order_of(self.high))
        )


@dataclass(frozen=True)
class ExactVersion:
    """Exactly one version, `@=1.2`, or a git version."""

    text: str

    def __str__(self) -> str:
        return self.text if Version(self.text).is_git else f"={self.text}"

    def holds(self, version: Version) -> bool | None:
        """Return whether a version is this one; None if only git can tell."""
        if version.text == self.text:
            return True
        own = Version(self.text)
        if own.is_git and version.is_git:
            return None
        return not (own.is_git or version.is_git) and version.order == own.order


VersionElement = VersionRange | ExactVersion


def any_holds(elements: tuple[VersionElement, ...], text: str) -> bool | None:
    """Return whether any element of a version list holds a version; None: unknown."""
    version = Version(text)
    answers = {element.holds(version) for element in elements}
    return True if True in answers else None if None in answers else False
