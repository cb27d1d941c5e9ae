"""Find the specs of snapshots that satisfy an abstract spec, for `cache-coverage find`.

A query narrows the specs down by what SQL can compare; the rest are judged one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.rows import Rows
from pipeline.specs.grammar import Node
from pipeline.specs.satisfy import Compiler, ConcreteSpec, Need, judge
from pipeline.warehouse.database import run_query
from pipeline.warehouse.questions import check_name, check_os, check_target

if TYPE_CHECKING:
    import duckdb

COLUMNS = (
    "tag",
    "package",
    "version",
    "compiler",
    "os",
    "platform",
    "target",
    "variants",
    "hash",
    "stacks",
)
SPEC_COLUMNS = f"{', '.join(COLUMNS)}, compiler_name, compiler_version, flags, namespace"
SPEC_NAMES = tuple(SPEC_COLUMNS.split(", "))
SPECS_QUERY = f"""
    select {SPEC_COLUMNS}
    from specs
    where tag = $tag
        and ($package is null or package = $package)
        and ($hash is null or starts_with(hash, $hash))
        and (
            $os is null
            or os = $os
            or not $exact_os and hash in (select hash from steps.specs_on_os($tag, $os, $libc))
        )
        and (
            $target is null
            or target = $target
            or target in (select binary_target from targets where host_target = $target)
        )
    order by package, version_key(version), compiler, os, target, hash
"""
# An index has the dependencies of all its specs; a page has none.
TOLD_QUERY = """
    select distinct spec_stacks.hash
    from spec_stacks
    where spec_stacks.tag = $tag
        and spec_stacks.page in (
            select told.page
            from spec_stacks as told
            semi join dependencies
                on dependencies.tag = told.tag
                and dependencies.hash = told.hash
            where told.tag = $tag
        )
"""
NEED_COLUMNS = "dependency_name, dependency_hash, deptypes, virtuals, dependency_version"
DEPENDENCIES_QUERY = f"select hash, {NEED_COLUMNS} from dependencies where tag = $tag"
NEEDED_QUERY = f"""
    select {SPEC_COLUMNS}
    from specs
    where tag = $tag
        and hash in (select dependency_hash from dependencies where tag = $tag)
"""
COMPILERS_QUERY = """
    select
        hash,
        language,
        compiler
    from spec_compilers
    where tag = $tag
"""
USED = frozenset({"link", "run"})


@dataclass(frozen=True)
class Found:
    """The specs that satisfy an abstract spec, and counts of unknown ones by reason."""

    rows: Rows
    untold: dict[str, int]


class Snapshot:
    """The specs of one snapshot, read from the database as needed."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tag: str, *, needs_dependencies: bool
    ) -> None:
        self.connection = connection
        self.tag = tag
        self.told: set[str] = set()
        self.needed: dict[str, ConcreteSpec] = {}
        self.needs: dict[str, list[Need]] = {}
        self.compilers: dict[str, list[Compiler]] = {}
        if needs_dependencies:
            self.read_dependencies()

    def ask(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query on the snapshot."""
        return run_query(self.connection, query, {"tag": self.tag, **parameters}).values

    def read_dependencies(self) -> None:
        """Read the compilers by language and the dependencies of all specs."""
        self.read_compilers()
        self.told = {spec_hash for (spec_hash,) in self.ask(TOLD_QUERY)}
        self.read_needed(NEEDED_QUERY)
        self.read_needs(DEPENDENCIES_QUERY)

    def read_compilers(self) -> None:
        """Read the compilers by language of all specs."""
        for spec_hash, language, compiler in self.ask(COMPILERS_QUERY):
            name, _, version = compiler.partition("@")
            self.compilers.setdefault(spec_hash, []).append(
                Compiler(name, version or None, language)
            )

    def read_needed(self, query: str, **parameters: Any) -> None:
        """Read the specs that others depend on, columns SPEC_COLUMNS."""
        needed = map(self.concrete, self.ask(query, **parameters))
        self.needed = {spec.hash: spec for spec in needed}

    def read_needs(self, query: str, **parameters: Any) -> None:
        """Read direct dependencies, columns hash and NEED_COLUMNS."""
        for spec_hash, *values in self.ask(query, **parameters):
            self.needs.setdefault(spec_hash, []).append(self.need(values))

    def need(self, values: list[Any]) -> Need:
        """Return a dependency; `values` are those of NEED_COLUMNS."""
        name, needed, deptypes, virtuals, version = values
        return Need(
            name,
            needed,
            frozenset(deptypes),
            frozenset(virtuals),
            version,
            self.needed.get(needed),
        )

    def concrete(self, values: tuple[Any, ...]) -> ConcreteSpec:
        """Return a row of view specs as a concrete spec to judge."""
        row = dict(zip(SPEC_NAMES, values, strict=True))
        spec_hash = row["hash"]
        own = Compiler(row["compiler_name"], row["compiler_version"])
        known = self.compilers.get(spec_hash, [] if own.name == "none" else [own])
        return ConcreteSpec(
            package=row["package"],
            hash=spec_hash,
            version=row["version"],
            compilers=tuple(known),
            platform=row["platform"],
            os=row["os"],
            target=row["target"],
            variants=frozenset(row["variants"]),
            flags=None if row["flags"] is None else frozenset(row["flags"]),
            namespace=row["namespace"],
            needs=lambda: self.needs_of(spec_hash),
            closure=lambda: self.closure_of(spec_hash),
        )

    def needs_of(self, spec_hash: str) -> list[Need] | None:
        """Return the direct dependencies of a spec; None if unknown."""
        if spec_hash in self.needs:
            return self.needs[spec_hash]
        return [] if spec_hash in self.told else None

    def closure_of(self, spec_hash: str) -> list[Need] | None:
        """Return the transitive link and run dependencies of a spec, each once; None if unknown."""
        direct = self.needs_of(spec_hash)
        if direct is None:
            return None
        closure: dict[tuple[str, frozenset[str]], Need] = {}
        waiting = [need for need in direct if not USED.isdisjoint(need.deptypes)]
        while waiting:
            need = waiting.pop()
            key = need.hash, need.virtuals
            if key not in closure:
                closure[key] = need
                waiting.extend(
                    other
                    for other in self.needs.get(need.hash, ())
                    if not USED.isdisjoint(other.deptypes)
                )
        return list(closure.values())


def find_specs(
    connection: duckdb.DuckDBPyConnection,
    asked: Node,
    tags: Sequence[str],
    host: tuple[str | None, str | None] = (None, None),
    *,
    libc: str | None = None,
    exact_os: bool = False,
) -> Found:
    """Return the specs of some snapshots that satisfy an abstract spec.

    With a `host` (os and target), only those that it can use, by its glibc version `libc` if its os
    does not tell; with `exact_os`, only those built on its os.

    Columns: tag, package, version, compiler, os, platform, target, variants, hash, stacks.

    Raises
    ------
    QueryError
        The package is in no snapshot, or the host's target or os is unknown.
    """
    os, target = host
    if target is not None:
        check_target(connection, target)
    if os is not None:
        check_os(connection, tags, os, libc)
    if asked.name is not None:
        check_name(connection, "package", asked.name, "select distinct package from specs")
    found: list[tuple[Any, ...]] = []
    untold: dict[str, int] = {}
    for tag in tags:
        snapshot = Snapshot(connection, tag, needs_dependencies=bool(asked.dependencies))
        rows = snapshot.ask(
            SPECS_QUERY,
            package=asked.name,
            hash=asked.hash,
            os=os,
            target=target,
            libc=libc,
            exact_os=exact_os,
        )
        for row in rows:
            judged = judge(asked, snapshot.concrete(row))
            if judged.answer is True:
                found.append(row[: len(COLUMNS)])
            elif judged.answer is None:
                untold[judged.reason] = untold.get(judged.reason, 0) + 1
    return Found(Rows(COLUMNS, found), untold)
