"""The requirements and preferences that section `packages` has for a root.

As Spack has it (lib/spack/spack/solver/requirements.py): a package's own `require` takes the place
of that of `all`, and likewise `prefer`, `conflict` and `variants`; an entry that asks for another
package by name is one of a virtual package, and binds what provides it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pipeline.errors import SpecSyntaxError
from pipeline.specs.grammar import Node, parse_spec

ALL = "all"
MAX_RULES = 10_000  # of a file that are read, far more than anybody writes


@dataclass(frozen=True)
class Rule:
    """A requirement or preference for a package.

    `kind` is `one_of`, `any_of` or `conflict` of requirements; of preferences it is the key that
    they stand under. `package` is the one that asks: the root's own, `all`, or a virtual package.
    """

    kind: str
    package: str
    specs: tuple[str, ...]
    when: str | None = None

    def __str__(self) -> str:
        negation = "not " if self.kind == "conflict" else ""
        when = f" when {self.when}" if self.when else ""
        return f"{self.package}: {negation}{' or '.join(self.specs)}{when}"


@dataclass(frozen=True)
class Rules:
    """The requirements and preferences for one package."""

    requirements: tuple[Rule, ...] = ()
    preferences: tuple[Rule, ...] = ()


def rules_of(package: str | None, packages: dict[str, Any]) -> Rules:
    """Return the rules that the merged section `packages` has for a root of a package."""
    requirements = [
        *own_or_all(package, packages, "require"),
        *own_or_all(package, packages, "conflict"),
    ]
    preferences = [
        rule
        for key in ("prefer", "variants", "version", "target", "compiler")
        for rule in own_or_all(package, packages, key)
    ]
    for name, entry in packages.items():
        if name in (package, ALL):
            continue
        requirements += (
            rule
            for key in ("require", "conflict")
            for rule in read_rules(name, key, entry.get(key))
            if names_others(name, rule)
        )
        preferences += (
            rule
            for rule in read_rules(name, "prefer", entry.get("prefer"))
            if names_others(name, rule)
        )
    preferences += provider_rules(package, packages)
    return Rules(tuple(requirements[:MAX_RULES]), tuple(preferences[:MAX_RULES]))


def own_or_all(package: str | None, packages: dict[str, Any], key: str) -> Iterator[Rule]:
    """Yield the rules under a key of a package, or of `all` if it has none of its own."""
    for name in (package, ALL):
        entry = packages.get(name or "", {})
        if entry.get(key):
            yield from read_rules(str(name), key, entry[key])
            return


def read_rules(package: str, key: str, value: Any) -> Iterator[Rule]:
    """Yield the rules of one value: text, or a list of texts and of mappings."""
    entries = value if isinstance(value, list) else [value] if value else []
    if key in ("version", "target", "compiler"):
        sigil = {"version": "@", "target": "target=", "compiler": "%"}[key]
        specs = tuple(f"{sigil}{entry}" for entry in entries if isinstance(entry, str))
        if specs:
            yield Rule(key, package, specs)
        return
    for entry in entries:
        if isinstance(entry, str):
            yield Rule(KINDS.get(key, key), package, (entry,))
        elif isinstance(entry, dict):
            yield from read_mapping(package, key, entry)


KINDS = {"require": "one_of"}


def read_mapping(package: str, key: str, entry: dict[str, Any]) -> Iterator[Rule]:
    """Yield the rules of a mapping: `spec`, `one_of` or `any_of`, perhaps with `when`."""
    when = entry.get("when")
    for policy in ("spec", "one_of", "any_of"):
        specs = entry.get(policy)
        if isinstance(specs, str):
            specs = [specs]
        if isinstance(specs, list):
            kind = policy if policy != "spec" and key == "require" else KINDS.get(key, key)
            yield Rule(
                kind, package, tuple(map(str, specs)), when if isinstance(when, str) else None
            )


def provider_rules(package: str | None, packages: dict[str, Any]) -> Iterator[Rule]:
    """Yield the preferred providers of virtual packages."""
    for name in (package, ALL):
        providers = packages.get(name or "", {}).get("providers")
        if isinstance(providers, dict):
            for virtual, specs in providers.items():
                if isinstance(specs, list) and specs:
                    yield Rule("providers", virtual, tuple(map(str, specs)))
            return


def names_others(package: str, rule: Rule) -> bool:
    """Return whether a rule is about another package than its key."""
    nodes = [parsed(text) for text in rule.specs]
    return bool(nodes) and all(
        node is not None and node.name is not None and node.name != package for node in nodes
    )


@lru_cache(maxsize=4096)
def parsed(text: str) -> Node | None:
    """Parse an abstract spec; return None if it is invalid."""
    try:
        return parse_spec(text)
    except SpecSyntaxError:
        return None
