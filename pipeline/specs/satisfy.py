"""Judge whether a concrete spec satisfies an abstract one: yes, no, or unknown with a reason.

All constraints have to hold: one no is a no, else one unknown makes the result unknown. The
semantics are those of Spack's `Spec.satisfies`, as documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import archspec.cpu

from pipeline.specs.compilers import COMPILERS, RENAMED_COMPILERS
from pipeline.specs.grammar import Edge, Node, Variant
from pipeline.specs.versions import any_holds

PATCH_LETTERS = 7  # characters of a patch's checksum in the tables


@dataclass(frozen=True)
class Compiler:
    """A compiler of a spec; the language is None if unknown."""

    name: str
    version: str | None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """A dependency of a spec; `spec` is None if no table has its attributes."""

    name: str
    hash: str
    deptypes: frozenset[str]
    virtuals: frozenset[str]
    version: str | None = None
    spec: ConcreteSpec | None = None


@dataclass(frozen=True)
class ConcreteSpec:
    """A spec in the tables.

    Attributes that a snapshot does not have are None, such as the compilers by language and the
    dependencies of specs from pages. `needs` returns the direct dependencies, `closure` the
    transitive link and run dependencies; both are functions, called only if needed.
    """

    package: str
    hash: str
    version: str
    compilers: tuple[Compiler, ...]
    platform: str
    os: str
    target: str
    variants: frozenset[str]
    flags: frozenset[str] | None = None
    namespace: str | None = None
    needs: Callable[[], list[Need] | None] = field(default=lambda: None, compare=False)
    closure: Callable[[], list[Need] | None] = field(default=lambda: None, compare=False)


@dataclass(frozen=True)
class Judgement:
    """The answer whether a spec satisfies another; None: unknown, with the reason.

    `part` names what decided: package, version, variants, compiler, platform, os,
    target, hash, flags, namespace or dependency.
    """

    answer: bool | None
    part: str = ""
    reason: str = ""


YES = Judgement(True)


def judge(asked: Node, spec: ConcreteSpec) -> Judgement:
    """Judge whether a concrete spec satisfies an abstract one."""
    return conjunction(judgements(asked, spec))


def conjunction(parts: Iterable[Judgement]) -> Judgement:
    """Return the first no, else the first unknown, else yes."""
    untold = YES
    for part in parts:
        if part.answer is False:
            return part
        if part.answer is None and untold is YES:
            untold = part
    return untold


def disjunction(parts: Iterable[Judgement], otherwise: Judgement) -> Judgement:
    """Return the first yes, else the first unknown, else `otherwise`."""
    found = otherwise
    for part in parts:
        if part.answer is True:
            return part
        if part.answer is None and found.answer is False:
            found = part
    return found


def told(answer: bool | None, part: str, reason: str = "") -> Judgement:
    """Return a judgement; only unknown ones have a reason."""
    return YES if answer else Judgement(answer, part, reason if answer is None else "")


def judgements(asked: Node, spec: ConcreteSpec) -> Iterator[Judgement]:
    """Judge each part, cheap ones first."""
    if asked.name is not None:
        yield told(asked.name == spec.package, "package")
    if asked.hash is not None:
        yield told(spec.hash.startswith(asked.hash), "hash")
    if asked.namespace is not None:
        same = None if spec.namespace is None else asked.namespace == spec.namespace
        yield told(same, "namespace", "namespaces are unknown")
    if asked.versions:
        yield told(
            any_holds(asked.versions, spec.version), "version", "only git tells of git versions"
        )
    for variant in asked.variants:
        yield told(has_variant(spec.variants, variant), "variants")
    yield from flag_judgements(asked, spec)
    if asked.platform is not None:
        yield told(asked.platform == spec.platform, "platform")
    if asked.os is not None:
        yield told(asked.os == spec.os, "os")
    if asked.target is not None:
        yield told(
            target_fits(asked.target, spec.target), "target", "archspec does not know a target"
        )
    for edge in asked.dependencies:
        yield judge_direct(edge, spec) if edge.is_direct else judge_dependency(edge, spec)


def flag_judgements(asked: Node, spec: ConcreteSpec) -> Iterator[Judgement]:
    """Judge compiler flags: the spec needs to have all requested ones."""
    for key, value in asked.flags:
        if spec.flags is None:
            yield told(None, "flags", "compiler flags are unknown")
        else:
            own = next((flags for flags in spec.flags if flags.startswith(f"{key}=")), "")
            found = own.partition("=")[2].split()
            yield told(set(value.split()) <= set(found), "flags")


def has_variant(variants: frozenset[str], asked: Variant) -> bool:
    """Return whether a spec has a variant with the requested value."""
    if isinstance(asked.value, bool):
        return f"{'+' if asked.value else '~'}{asked.name}" in variants
    prefix = f"{asked.name}="
    own = next((text for text in variants if text.startswith(prefix)), None)
    if asked.value == ("*",):
        return own is not None or not {f"+{asked.name}", f"~{asked.name}"}.isdisjoint(variants)
    if own is None:
        return False
    found = set(own.removeprefix(prefix).split(","))
    wanted = set(asked.value)
    if asked.name == "patches":
        wanted = {value[:PATCH_LETTERS] for value in wanted}
    return found == wanted if asked.is_exact else wanted <= found


def target_fits(asked: str, target: str) -> bool | None:
    """Return whether a target is in a list of targets and ranges, by archspec's ancestry.

    >>> target_fits("x86_64:x86_64_v3", "x86_64_v2"), target_fits(":zen2,power9le", "zen3")
    (True, False)
    """
    answers = {in_target_range(part, target) for part in asked.split(",")}
    return True if True in answers else None if None in answers else False


def in_target_range(asked: str, target: str) -> bool | None:
    """Return whether a target is the requested one, or in the range."""
    if ":" not in asked:
        return asked == target
    low, _, high = asked.partition(":")
    known = archspec.cpu.TARGETS
    if any(name and name not in known for name in (low, high, target)):
        return None
    return (not low or known[low] <= known[target]) and (not high or known[target] <= known[high])


def judge_dependency(edge: Edge, spec: ConcreteSpec) -> Judgement:
    """Judge `^`: a transitive link or run dependency, or a direct build dependency."""
    closure, needs = spec.closure(), spec.needs()
    name = edge.node.name or "a dependency"
    if closure is None or needs is None:
        return told(None, "dependency", f"^{name}: dependencies are unknown")
    builds = [need for need in needs if "build" in need.deptypes]
    return disjunction(
        (judge_need(edge, need) for need in (*closure, *builds)), told(False, "dependency")
    )


def judge_need(edge: Edge, need: Need) -> Judgement:
    """Judge whether a dependency satisfies the requested one."""
    asked = edge.node
    part = "dependency"
    if edge.virtuals and need.virtuals.isdisjoint(edge.virtuals):
        return told(False, part)
    if edge.deptypes and not set(edge.deptypes) <= need.deptypes:
        return told(False, part)
    is_named = asked.name is None or asked.name == need.name
    if not is_named and asked.name not in need.virtuals:
        return told(False, part)
    if not is_named:
        if asked == Node(name=asked.name):
            return YES
        return told(None, part, f"^{asked.name}: attributes of a virtual package are unknown")
    if need.spec is not None:
        judged = judge(asked, need.spec)
        return judged if judged.answer else told(judged.answer, part, judged.reason)
    return conjunction(judge_by_name(asked, need.name, need.hash, need.version, part))


def judge_by_name(
    asked: Node, name: str, spec_hash: str | None, version: str | None, part: str
) -> Iterator[Judgement]:
    """Judge a dependency of which only the name, hash and perhaps version are known."""
    reason = f"{name}: its attributes are unknown"
    if asked.hash is not None:
        has_hash = None if spec_hash is None else spec_hash.startswith(asked.hash)
        yield told(has_hash, part, reason)
    if asked.versions:
        holds = None if version is None else any_holds(asked.versions, version)
        yield told(holds, part, reason)
    rest = Node(name=asked.name, versions=asked.versions, hash=asked.hash)
    yield told(True if asked == rest else None, part, reason)


def judge_direct(edge: Edge, spec: ConcreteSpec) -> Judgement:
    """Judge `%`: a direct dependency; compilers are known even where dependencies are not."""
    name = RENAMED_COMPILERS.get(edge.node.name or "", edge.node.name)
    edge = replace(edge, node=replace(edge.node, name=name))
    is_compiler = name in COMPILERS
    part = "compiler" if is_compiler else "dependency"
    needs = spec.needs()
    # Since Spack 1.0, compilers are dependencies, of which more is known.
    names = {need.name for need in needs or ()}
    candidates = [judge_need(edge, need) for need in needs or ()] + [
        judge_compiler(edge, compiler) for compiler in spec.compilers if compiler.name not in names
    ]
    untold = told(None, part, f"%{name or ''}: dependencies are unknown")
    otherwise = untold if needs is None and not is_compiler else told(False, part)
    judged = disjunction(candidates, otherwise)
    return judged if judged.answer else replace(judged, part=part)


def judge_compiler(edge: Edge, compiler: Compiler) -> Judgement:
    """Judge whether a compiler satisfies the requested one; one of several virtuals is enough."""
    asked, part = edge.node, "compiler"
    if asked.name is not None and asked.name != compiler.name:
        return told(False, part)
    language = compiler.language
    if edge.virtuals and language is not None and language not in edge.virtuals:
        return told(False, part)
    is_known = (language is not None or not edge.virtuals) and set(edge.deptypes) <= {"build"}
    return conjunction(
        [
            told(is_known or None, part, "compilers by language are unknown"),
            *judge_by_name(asked, compiler.name, None, compiler.version, part),
        ]
    )
