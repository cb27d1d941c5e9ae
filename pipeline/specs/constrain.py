"""Relations between abstract specs: combine two into one, and check whether one implies another."""

from __future__ import annotations

from dataclasses import replace

from pipeline.specs.compilers import RENAMED_COMPILERS
from pipeline.specs.grammar import Edge, Node, Variant
from pipeline.specs.satisfy import target_fits
from pipeline.specs.versions import (
    ExactVersion,
    Version,
    VersionElement,
    VersionRange,
    after,
    order_of,
)


class ContradictionError(Exception):
    """No spec can satisfy both of two abstract specs."""


def constrain(node: Node, other: Node) -> Node:
    """Return the combination of two abstract specs, as Spack's `Spec.constrain`.

    Raises
    ------
    ContradictionError
        They exclude each other.
    """
    same = {
        name: either(name, getattr(node, name), getattr(other, name))
        for name in ("name", "namespace", "platform", "os")
    }
    return Node(
        **same,
        versions=common_versions(node.versions, other.versions),
        variants=common_variants(node.variants, other.variants),
        flags=(*node.flags, *(flag for flag in other.flags if flag not in node.flags)),
        target=common_target(node.target, other.target),
        hash=common_hash(node.hash, other.hash),
        dependencies=common_dependencies(node.dependencies, other.dependencies),
    )


def either(what: str, one: str | None, other: str | None) -> str | None:
    """Return whichever of two values is set."""
    if one is not None and other is not None and one != other:
        raise ContradictionError(f"{what} {one} and {other}")
    return one if one is not None else other


def common_versions(
    one: tuple[VersionElement, ...], other: tuple[VersionElement, ...]
) -> tuple[VersionElement, ...]:
    """Return the versions in both of two lists; an empty list is no constraint."""
    if not one or not other or one == other:
        return one or other
    pairs = (common_element(left, right) for left in one for right in other)
    found = tuple(dict.fromkeys(element for element in pairs if element is not None))
    if not found:
        texts = [",".join(map(str, elements)) for elements in (one, other)]
        raise ContradictionError(f"versions @{texts[0]} and @{texts[1]}")
    return found


def common_element(one: VersionElement, other: VersionElement) -> VersionElement | None:
    """Return the intersection of two elements of version lists; None: empty."""
    if isinstance(one, ExactVersion):
        return one if other.holds(Version(one.text)) else None
    if isinstance(other, ExactVersion):
        return other if one.holds(Version(other.text)) else None
    lows = sorted(filter(None, (one.low, other.low)), key=order_of)
    highs = sorted(filter(None, (one.high, other.high)), key=lambda high: after(order_of(high)))
    found = VersionRange(lows[-1] if lows else "", highs[0] if highs else "")
    return None if found.is_empty else found


def common_variants(one: tuple[Variant, ...], other: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """Return the variants of both, with the values of both."""
    found = {variant.name: variant for variant in one}
    for variant in other:
        known = found.get(variant.name)
        if known is not None and known != variant:
            variant = common_values(known, variant)
        found[variant.name] = variant
    return tuple(found.values())


def common_values(one: Variant, other: Variant) -> Variant:
    """Return a variant with the values of both."""
    if isinstance(one.value, bool) or isinstance(other.value, bool):
        raise ContradictionError(f"{one} and {other}")
    values = {*one.value, *other.value}
    for is_exact, own in ((one.is_exact, one.value), (other.is_exact, other.value)):
        if is_exact and values != {*own}:
            raise ContradictionError(f"{one} and {other}")
    return Variant(one.name, tuple(sorted(values)), one.is_exact or other.is_exact)


def common_target(one: str | None, other: str | None) -> str | None:
    """Return the narrower of two targets, if one is within the other."""
    if one is None or other is None or one == other:
        return one if one is not None else other
    if target_fits(other, one):
        return one
    if target_fits(one, other):
        return other
    raise ContradictionError(f"target {one} and {other}")


def common_hash(one: str | None, other: str | None) -> str | None:
    """Return the longer of two hash prefixes."""
    if one and other and not (one.startswith(other) or other.startswith(one)):
        raise ContradictionError(f"hash /{one} and /{other}")
    return max(one or "", other or "", key=len) or None


def common_dependencies(one: tuple[Edge, ...], other: tuple[Edge, ...]) -> tuple[Edge, ...]:
    """Return the dependencies of both, combined if they are of the same package.

    Direct ones come first: after another dependency, `%gcc` would belong to that.
    """
    found = list(one)
    for edge in other:
        place = next((n for n, known in enumerate(found) if is_same_edge(known, edge)), None)
        if place is None:
            found.append(edge)
        else:
            found[place] = replace(edge, node=constrain(found[place].node, edge.node))
    return tuple(sorted(found, key=lambda edge: not edge.is_direct))


def is_same_edge(one: Edge, other: Edge) -> bool:
    """Return whether two edges lead to the same package in the same way."""
    return replace(one, node=other.node) == other and one.node.name == other.node.name


def implies(node: Node, asked: Node) -> bool:
    """Return whether every spec that satisfies `node` also satisfies `asked`.

    Matrices use this for `exclude`, as Spack's `Spec.satisfies` does for abstract specs.
    """
    if any(
        wanted is not None and wanted != own
        for wanted, own in (
            (asked.name, node.name),
            (asked.namespace, node.namespace),
            (asked.platform, node.platform),
            (asked.os, node.os),
        )
    ):
        return False
    if asked.hash is not None and not (node.hash or "").startswith(asked.hash):
        return False
    if asked.target is not None and (
        node.target is None
        or (asked.target != node.target and not target_fits(asked.target, node.target))
    ):
        return False
    if asked.versions and not (node.versions and has_versions(node.versions, asked.versions)):
        return False
    return (
        set(asked.flags) <= set(node.flags)
        and all(implies_variant(node.variants, variant) for variant in asked.variants)
        and all(
            any(implies_edge(own, edge) for own in node.dependencies) for edge in asked.dependencies
        )
    )


def has_versions(own: tuple[VersionElement, ...], asked: tuple[VersionElement, ...]) -> bool:
    """Return whether each element of a list is within a requested one."""
    return all(
        any(common_element(element, wanted) == element for wanted in asked) for element in own
    )


def implies_variant(variants: tuple[Variant, ...], asked: Variant) -> bool:
    """Return whether a list of variants implies the requested one."""
    for variant in variants:
        if variant.name == asked.name:
            if isinstance(variant.value, bool) or isinstance(asked.value, bool):
                return asked.value in (variant.value, ("*",))
            return asked.value == ("*",) or (
                {*asked.value} == {*variant.value}
                if asked.is_exact
                else {*asked.value} <= {*variant.value}
            )
    return False


def implies_edge(own: Edge, asked: Edge) -> bool:
    """Return whether a dependency implies the requested one; `%` also counts as `^`."""
    if asked.is_direct and not own.is_direct:
        return False
    if not ({*asked.virtuals} <= {*own.virtuals} and {*asked.deptypes} <= {*own.deptypes}):
        return False
    return implies(canonical(own.node), canonical(asked.node))


def canonical(node: Node) -> Node:
    """Return a compiler with its name in Spack 1.0."""
    return replace(node, name=RENAMED_COMPILERS.get(node.name or "", node.name))
