"""The specs of one snapshot as far as roots ask for them: of dependencies only what they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipeline.sources.stacks.rules import Rule, parsed
from pipeline.specs.compilers import RENAMED_COMPILERS
from pipeline.specs.grammar import Edge, Node
from pipeline.specs.satisfy import Need
from pipeline.warehouse.finding import NEED_COLUMNS, SPEC_COLUMNS, TOLD_QUERY, Snapshot

if TYPE_CHECKING:
    import duckdb

# Of a cache with millions of dependencies, those of a few packages and virtual packages.
NAMED = "(dependency_name in (select unnest($names)) or list_has_any(virtuals, $names))"
DIRECT_QUERY = f"select hash, {NEED_COLUMNS} from dependencies where tag = $tag and {NAMED}"
KNOWN_QUERY = "select distinct hash from dependencies where tag = $tag"
NEEDED_QUERY = f"""
    select {SPEC_COLUMNS}
    from specs
    where tag = $tag
        and hash in (select dependency_hash from dependencies where tag = $tag and {NAMED})
"""
CLOSURE_QUERY = f"""
    with recursive needs as (
        select hash, {NEED_COLUMNS}
        from dependencies
        where tag = $tag and list_has_any(deptypes, ['link', 'run'])
    ),

    reached as (
        select distinct hash as root, hash
        from spec_stacks
        where tag = $tag and package in (select unnest($packages))
        union
        select reached.root, needs.dependency_hash
        from reached
        inner join needs on needs.hash = reached.hash
    )

    select distinct reached.root, {NEED_COLUMNS}
    from reached
    inner join needs on needs.hash = reached.hash
    where {NAMED}
"""


class IntentSnapshot(Snapshot):
    """A snapshot whose dependencies are those that roots name.

    `specs` are abstract specs by the package that they are asked of.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tag: str, specs: dict[str, set[Node]]
    ) -> None:
        self.specs = specs
        self.closures: dict[str, list[Need]] | None = None
        super().__init__(connection, tag, needs_dependencies=True)

    def read_dependencies(self) -> None:
        """Read the dependencies that are named; all, where one is asked for by no name."""
        edges = [edge for nodes in self.specs.values() for node in nodes for edge in node.edges()]
        if any(edge.node.name is None for edge in edges):
            super().read_dependencies()
            return
        names = sorted({name for edge in edges for name in names_of(edge)})
        self.read_compilers()
        self.told = {
            spec_hash for query in (TOLD_QUERY, KNOWN_QUERY) for (spec_hash,) in self.ask(query)
        }
        self.read_needed(NEEDED_QUERY, names=names)
        self.read_needs(DIRECT_QUERY, names=names)
        packages = [
            package
            for package, nodes in self.specs.items()
            if any(not edge.is_direct for node in nodes for edge in node.dependencies)
        ]
        self.closures = {}
        for root, *values in self.ask(CLOSURE_QUERY, names=names, packages=packages):
            self.closures.setdefault(root, []).append(self.need(values))

    def closure_of(self, spec_hash: str) -> list[Need] | None:
        """Return the named ones of all that a spec links to or runs; None if unknown."""
        if self.closures is None:
            return super().closure_of(spec_hash)
        return self.closures.get(spec_hash, []) if spec_hash in self.told else None


def names_of(edge: Edge) -> Iterator[str]:
    """Yield the names by which a dependency may be one that is asked for."""
    yield from edge.virtuals
    if edge.node.name is not None:
        yield edge.node.name
        yield RENAMED_COMPILERS.get(edge.node.name, edge.node.name)


def rule_nodes(rule: Rule, package: str) -> Iterator[Node]:
    """Yield the abstract specs that a rule asks of a package, or of what provides to it."""
    texts = [*rule.specs, *([rule.when] if rule.when else [])]
    nodes: Iterable[Node] = filter(None, map(parsed, texts))
    if rule.package in ("all", package):
        yield from nodes
    else:
        for node in nodes:
            yield Node(dependencies=(Edge(node, is_direct=True, virtuals=(rule.package,)),))
