"""Judge the roots of stacks by a snapshot: present, missing with a reason, or unknown.

The only place that compares environment files with a cache: `cache-coverage stack`, table
stack_states and all of its views come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from pipeline.rows import Rows
from pipeline.sources.stacks.rules import ALL, Rule, Rules, parsed
from pipeline.sources.stacks.stack_file import StackFile
from pipeline.specs.compilers import COMPILERS, RENAMED_COMPILERS
from pipeline.specs.grammar import Edge, Node
from pipeline.specs.satisfy import (
    ConcreteSpec,
    Judgement,
    conjunction,
    judge,
    judge_compiler,
    judge_need,
    judgements,
)
from pipeline.warehouse.database import run_query
from pipeline.warehouse.finding import SPEC_COLUMNS
from pipeline.warehouse.intent_snapshot import IntentSnapshot, rule_nodes

if TYPE_CHECKING:
    import duckdb

ROOT_INDEX = "root"
PRESENT, MISSING, UNKNOWN = "present", "missing", "unknown"
# Reasons why a root is missing; the first that holds for the nearest spec counts.
REASONS = ("package", "version", "variants", "compiler", "target", "os", "dependency")
# Other parts that may differ, with the reason that they count as.
REASON_OF_PART = {"hash": "package", "namespace": "package", "flags": "variants", "platform": "os"}
LANGUAGES = ("c", "cxx", "fortran")
# Packages of compilers' libraries, tagged `runtime` in Spack; `all` asks no compiler of them.
RUNTIMES = {"gcc-runtime", "glibc", "intel-oneapi-runtime", "musl"}
CANDIDATES_QUERY = f"""
    select {SPEC_COLUMNS}, is_in_root
    from specs
    where tag = $tag and package in (select unnest($packages))
    order by package, hash
"""


@dataclass(frozen=True)
class Intended:
    """A root to judge: its stack, its constraints, and why it can't be judged, if so."""

    stack: str
    number: int
    spec: str
    package: str | None
    rules: Rules
    doubt: str | None


@dataclass(frozen=True)
class RootState:
    """The state of a root in a snapshot.

    `hashes` are the specs of the stack that satisfy it. `requirements_met` and `preferences_met`
    say whether one of them meets those of `packages:`; None: unknown, or there are none. `also_in`
    are the other stacks with a spec that satisfies the root. `unmet` are the requirements, else the
    preferences, that the nearest spec does not meet.
    """

    state: str
    reason: str | None
    hashes: list[str]
    requirements_met: bool | None
    preferences_met: bool | None
    also_in: list[str]
    unmet: list[str] = field(default_factory=list)


COLUMNS = (
    "stack",
    "group",
    "spec",
    "state",
    "reason",
    "spec_count",
    "hashes",
    "requirements_met",
    "preferences_met",
    "unmet",
    "also_in",
    "file",
    "line",
)


@dataclass(frozen=True)
class Tally:
    """Counts of the roots of a stack, or of one of its groups, by state.

    `present` roots have a spec that meets the requirements; `unmet` ones have specs, none of which
    does. `preferred` are the present ones whose preferences are met too.
    """

    root_count: int
    present: int
    preferred: int
    unmet: int
    missing: int
    unknown: int

    @property
    def pct(self) -> float:
        """Return the percentage of roots that are present; 100 if there are none."""
        return 100 * self.present / self.root_count if self.root_count else 100.0

    def __str__(self) -> str:
        parts = [
            f"{self.present} of {self.root_count} roots present ({self.pct:.1f} %)",
            f"{self.unmet} only without what is required",
            f"{self.missing} missing",
            f"{self.unknown} unknown",
        ]
        wishes = self.present - self.preferred
        return ", ".join(parts) + (
            f"; {wishes} of those present lack what is preferred" * bool(wishes)
        )


def tally(states: Sequence[RootState]) -> Tally:
    """Count the states of roots."""
    present = [state for state in states if state.state == PRESENT]
    return Tally(
        root_count=len(states),
        present=sum(state.requirements_met is True for state in present),
        preferred=sum(
            state.requirements_met is True and state.preferences_met is True for state in present
        ),
        unmet=sum(state.requirements_met is False for state in present),
        missing=sum(state.state == MISSING for state in states),
        unknown=sum(
            state.state == UNKNOWN or (state.state == PRESENT and state.requirements_met is None)
            for state in states
        ),
    )


def intended(stack: str, file: StackFile) -> list[Intended]:
    """Return the roots of an environment file as roots of a stack."""
    return [
        Intended(stack, root.number, root.spec, root.package, root.rules, root.doubt)
        for root in file.roots
    ]


def state_rows(stack: str, file: StackFile, states: Sequence[RootState]) -> Rows:
    """Return the roots of an environment file with their states, as `cache-coverage stack` does."""
    return Rows(
        COLUMNS,
        [
            (
                stack,
                root.group,
                root.spec,
                state.state,
                state.reason,
                len(state.hashes),
                state.hashes,
                state.requirements_met,
                state.preferences_met,
                state.unmet,
                state.also_in,
                root.place.file,
                root.place.line,
            )
            for root, state in zip(file.roots, states, strict=True)
        ],
    )


def stacks_of(connection: duckdb.DuckDBPyConnection, tag: str) -> list[str]:
    """Return the stacks of a snapshot, including `root`."""
    query = """
        select distinct stack from spec_stacks where tag = ? and stack is not null order by stack
    """
    return [str(stack) for (stack,) in run_query(connection, query, [tag]).values]


@dataclass(frozen=True)
class Lacking:
    """The rules that a spec does not meet, or may not meet; the answer whether it meets all."""

    answer: bool | None
    rules: list[Rule]


@dataclass(frozen=True)
class Candidate:
    """A spec of a snapshot, and the stacks that list it, including `root`."""

    spec: ConcreteSpec
    stacks: frozenset[str]


def judge_roots(
    connection: duckdb.DuckDBPyConnection,
    tag: str,
    roots: Sequence[Intended],
    *,
    any_stack: bool = False,
) -> list[RootState]:
    """Return the state of each root in its stack or, with `any_stack`, in the whole snapshot."""
    return IntentJudge(connection, tag, roots, any_stack=any_stack).states(roots)


class IntentJudge:
    """Judges roots by one snapshot; constraints that several of them share are judged once."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tag: str,
        roots: Sequence[Intended],
        *,
        any_stack: bool,
    ) -> None:
        self.any_stack = any_stack
        asked = asked_specs(roots)
        packages = sorted(asked)
        snapshot = IntentSnapshot(connection, tag, asked)
        self.candidates: dict[str, list[Candidate]] = {package: [] for package in packages}
        self.defined: dict[str, set[str]] = {package: set() for package in packages}
        for *values, is_in_root in snapshot.ask(CANDIDATES_QUERY, packages=packages):
            spec = snapshot.concrete(tuple(values))
            stacks = {*values[STACKS_PLACE], *([ROOT_INDEX] if is_in_root else [])}
            self.candidates[spec.package].append(Candidate(spec, frozenset(stacks)))
            self.defined[spec.package].update(map(variant_name, spec.variants))
        self.judged = cache(self.judge_spec)
        self.judged_rule = cache(self.judge_rule)

    def states(self, roots: Iterable[Intended]) -> list[RootState]:
        """Return the state of each root."""
        return [self.state(root) for root in roots]

    def state(self, root: Intended) -> RootState:
        """Return the state of a root."""
        if root.doubt is not None or root.package is None:
            return RootState(UNKNOWN, root.doubt, [], None, None, [])
        judged = self.judged(root.spec, root.package)
        also_in = sorted(
            {
                stack
                for candidate, judgement in judged
                if judgement.answer
                for stack in candidate.stacks - {root.stack, ROOT_INDEX}
            }
        )
        own = [
            (candidate.spec, judgement)
            for candidate, judgement in judged
            if self.any_stack or root.stack in candidate.stacks
        ]
        found = [spec for spec, judgement in own if judgement.answer]
        if found:
            return self.present(root.rules, found, also_in)
        untold = next((judgement for _, judgement in own if judgement.answer is None), None)
        if untold is not None:
            reason = f"{untold.part}: {untold.reason}"
            return RootState(UNKNOWN, reason, [], None, None, also_in)
        reason = missing_reason(parsed(root.spec) or Node(), [spec for spec, _ in own])
        return RootState(MISSING, reason, [], None, None, also_in)

    def judge_spec(self, text: str, package: str) -> list[tuple[Candidate, Judgement]]:
        """Judge every spec of a package by an abstract spec."""
        asked = parsed(text) or Node()
        return [(candidate, judge(asked, candidate.spec)) for candidate in self.candidates[package]]

    def present(self, rules: Rules, found: Sequence[ConcreteSpec], also_in: list[str]) -> RootState:
        """Return the state of a root that some specs satisfy, by the rules of `packages:`."""
        required = [(spec, self.lacking(rules.requirements, spec)) for spec in found]
        is_met = best(lacks.answer for _, lacks in required)
        meeting = [spec for spec, lacks in required if lacks.answer is is_met]
        preferred = [self.lacking(rules.preferences, spec) for spec in meeting]
        is_preferred = best(lacks.answer for lacks in preferred)
        lacking: list[list[Rule]] = [lacks.rules for _, lacks in required if lacks.answer is is_met]
        if is_met:
            lacking = [lacks.rules for lacks in preferred if lacks.answer is is_preferred]
        nearest = min(lacking, key=len)
        return RootState(
            PRESENT,
            None,
            [spec.hash for spec in found],
            is_met,
            is_preferred,
            also_in,
            list(map(str, nearest)),
        )

    def lacking(self, rules: Sequence[Rule], spec: ConcreteSpec) -> Lacking:
        """Return the rules that a spec does not meet."""
        judged = [(rule, self.judged_rule(rule, spec)) for rule in rules]
        return Lacking(
            all_of(answer for _, answer in judged),
            [rule for rule, answer in judged if not answer],
        )

    def judge_rule(self, rule: Rule, spec: ConcreteSpec) -> bool | None:
        """Return whether a spec meets a rule, or the rule does not apply; None: unknown."""
        if rule.when is not None:
            when = parsed(rule.when)
            applies = judge(when, spec).answer if when is not None else None
            if not applies:
                return True if applies is False else None
        answers = [answer for text in rule.specs for answer in self.judge_one(rule, text, spec)]
        if not answers:
            return True
        if rule.kind == "conflict":
            return all_of(answer if answer is None else not answer for answer in answers)
        if rule.kind == "one_of":
            return None if None in answers else answers.count(True) == 1
        return best(answers)

    def judge_one(self, rule: Rule, text: str, spec: ConcreteSpec) -> Iterator[bool | None]:
        """Yield whether a spec satisfies one spec of a rule; nothing if it does not apply."""
        asked = parsed(text)
        if asked is None:
            yield None
            return
        if rule.package not in (ALL, spec.package):
            yield from judge_provider(rule.package, asked, spec)
            return
        if rule.kind == "variants":
            known = self.defined[spec.package]
            variants = tuple(variant for variant in asked.variants if variant.name in known)
            yield judge(Node(variants=variants), spec).answer
        elif rule.package == spec.package or self.binds(asked, spec):
            yield judge(asked, spec).answer

    def binds(self, asked: Node, spec: ConcreteSpec) -> bool:
        """Return whether a constraint of `all` applies to a spec: only if its package can meet it.

        As in Spack's reject_requirement_constraint, variants that the package does not define do
        not apply, nor do compilers to a compiler or its libraries. The variants of a package are
        those of its specs in the snapshot; compilers do not apply to packages built without one.
        """
        if asked.name is not None and asked.name != spec.package:
            return False
        if any(variant.name not in self.defined[spec.package] for variant in asked.variants):
            return False
        return not asked.dependencies or (
            spec.package not in COMPILERS | RUNTIMES
            and not (not spec.compilers and all(edge.is_direct for edge in asked.dependencies))
        )


STACKS_PLACE = SPEC_COLUMNS.split(", ").index("stacks")


def variant_name(text: str) -> str:
    """Return the name of a variant in a spec.

    >>> variant_name("+shared"), variant_name("cuda_arch=80")
    ('shared', 'cuda_arch')
    """
    return text[1:] if text.startswith(("+", "~")) else text.partition("=")[0]


def asked_specs(roots: Iterable[Intended]) -> dict[str, set[Node]]:
    """Return all abstract specs that roots and their rules ask for, by the roots' packages."""
    asked: dict[str, set[Node]] = {}
    rules: dict[str, set[Rule]] = {}
    for root in roots:
        if root.package is not None:
            asked.setdefault(root.package, set()).add(parsed(root.spec) or Node())
            rules.setdefault(root.package, set()).update(
                (*root.rules.requirements, *root.rules.preferences)
            )
    for package, of_package in rules.items():
        for rule in of_package:
            asked[package].update(rule_nodes(rule, package))
    return asked


def judge_provider(virtual: str, asked: Node, spec: ConcreteSpec) -> Iterator[bool | None]:
    """Yield whether the provider of a virtual package for a spec satisfies a constraint.

    Only direct dependencies count; if the snapshot has none, only compilers.
    """
    asked = replace(asked, name=RENAMED_COMPILERS.get(asked.name or "", asked.name))
    edge = Edge(asked, is_direct=True)
    providers = [need for need in spec.needs() or () if virtual in need.virtuals]
    if providers:
        yield conjunction(judge_need(edge, need) for need in providers).answer
    elif virtual in LANGUAGES:
        for compiler in spec.compilers:
            if compiler.language in (None, virtual):
                yield judge_compiler(edge, compiler).answer


def missing_reason(asked: Node, specs: Sequence[ConcreteSpec]) -> str:
    """Return the first reason why no spec satisfies a root, by the nearest one."""
    nearest = -1
    for spec in specs:
        parts = {
            REASON_OF_PART.get(judgement.part, judgement.part)
            for judgement in judgements(asked, spec)
            if judgement.answer is False
        }
        nearest = max(nearest, min(map(REASONS.index, parts)))
    return REASONS[max(nearest, 0)]


def best(answers: Iterable[bool | None]) -> bool | None:
    """Return true if any is true, else None if any is unknown, else false."""
    found = list(answers)
    return True if True in found else None if None in found else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """Return false if any is false, else None if any is unknown, else true."""
    found = list(answers)
    return False if False in found else None if None in found else True
