"""Queries on lock files: which of their specs a snapshot has, for `cache-coverage lock`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.rows import Rows
from pipeline.warehouse.database import run_query
from pipeline.warehouse.questions import check_name, check_target

if TYPE_CHECKING:
    import duckdb

    from pipeline.sources.locks.lock_file import LockFile

LOCKS = "asked_locks"  # a relation registered on the connection, like table lock_specs
COVERAGE_QUERY = f"""
    from steps.lock_coverage_of('{LOCKS}', $tag, $stacks, $os, $target)
    order by list_position($locks, lock), package, version, hash, node_key
"""
RANKING_QUERY = f"""
    select ranked.* exclude (is_snapshot)
    from steps.lock_snapshots_of('{LOCKS}') as ranked
    left join steps.snapshot_tags using (tag)
    where len($stacks) = 0 or list_contains($stacks, stack)
    order by
        list_position($locks, lock),
        cached_pct desc,
        complete_root_count desc,
        snapshot_date desc nulls last,
        tag desc,
        stack nulls first
"""
STACKS_QUERY = "select distinct stack from spec_stacks where stack is not null"
OLD_HASHES = (
    "lock file of version {}; Spack formed hashes otherwise before 0.18, so newer caches can't "
    "match them: concretize the environment again with a newer Spack"
)
SNAPSHOT_STACKS_QUERY = f"{STACKS_QUERY} and tag = ?"


@dataclass(frozen=True)
class Share:
    """The share of one lock file that a snapshot, or some of its stacks, have.

    `spec_count` is without externals, which are never built.
    """

    lock: str
    tag: str
    spec_count: int
    cached_count: int
    external_count: int
    root_count: int
    complete_root_count: int

    @property
    def pct(self) -> float:
        """Return the percentage of specs that are cached; 100 if there are none."""
        return 100 * self.cached_count / self.spec_count if self.spec_count else 100.0

    def __str__(self) -> str:
        return (
            f"{self.lock}: {self.cached_count} of {self.spec_count} specs from {self.tag} "
            f"({self.pct:.1f} %), {self.spec_count - self.cached_count} to build, "
            f"{self.external_count} external; "
            f"{self.complete_root_count} of {self.root_count} roots complete"
        )


def offer_locks(connection: duckdb.DuckDBPyConnection, locks: Mapping[str, LockFile]) -> None:
    """Register lock files as a relation on the connection; they need not be flattened."""
    from pipeline.tables.locks import lock_specs

    connection.register(LOCKS, lock_specs(locks).to_arrow())


def ask_locks(
    connection: duckdb.DuckDBPyConnection,
    locks: Sequence[str],
    tag: str,
    stacks: Sequence[str] = (),
    host: tuple[str | None, str | None] = (None, None),
) -> Rows:
    """Return the state of the registered lock files' specs in a snapshot, or some of its stacks.

    `host` is an os and a target to use instead of each spec's own. Columns: those of macro
    lock_coverage.

    Raises
    ------
    QueryError
        The snapshot lacks a stack, or archspec the target.
    """
    os, target = host
    check_stacks(connection, stacks, tag)
    if target is not None:
        check_target(connection, target)
    parameters: dict[str, object] = {
        "tag": tag,
        "stacks": list(stacks),
        "os": os,
        "target": target,
        "locks": list(locks),
    }
    return run_query(connection, COVERAGE_QUERY, parameters)


def rank_snapshots(
    connection: duckdb.DuckDBPyConnection, locks: Sequence[str], stacks: Sequence[str] = ()
) -> Rows:
    """Return all snapshots and stacks, or the given ones, ranked by their share of each lock file.

    Columns: those of view lock_snapshots.
    """
    check_stacks(connection, stacks)
    return run_query(connection, RANKING_QUERY, {"stacks": list(stacks), "locks": list(locks)})


def check_stacks(
    connection: duckdb.DuckDBPyConnection, stacks: Sequence[str], tag: str | None = None
) -> None:
    """Refuse a stack that the snapshot lacks or, without one, that all of them lack."""
    for stack in stacks:
        if tag is None:
            check_name(connection, "stack", stack, STACKS_QUERY)
        else:
            check_name(connection, "stack", stack, SNAPSHOT_STACKS_QUERY, [tag], f" in {tag}")


def records(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield rows as mappings by column."""
    for row in rows.values:
        yield dict(zip(rows.columns, row, strict=True))


def shares(rows: Rows, locks: Sequence[str], tag: str) -> list[Share]:
    """Count the rows returned by `ask_locks`, by lock file."""
    counts = {lock: dict.fromkeys(("cached", "build", "external"), 0) for lock in locks}
    roots = dict.fromkeys(locks, 0)
    complete = dict.fromkeys(locks, 0)
    for row in records(rows):
        lock = row["lock"]
        counts[lock][row["state"]] += 1
        roots[lock] += row["is_root"]
        complete[lock] += bool(row["is_complete"])
    return [
        Share(
            lock,
            tag,
            counts[lock]["cached"] + counts[lock]["build"],
            counts[lock]["cached"],
            counts[lock]["external"],
            roots[lock],
            complete[lock],
        )
        for lock in locks
    ]


def known_sizes(nodes: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the sizes in bytes of the cached specs whose size is known."""
    return [
        node["size_bytes"]
        for node in nodes
        if node["state"] == "cached" and node["size_bytes"] is not None
    ]


def best_shares(rows: Rows, locks: Sequence[str]) -> list[Share]:
    """Return the best row of `rank_snapshots` for each lock file."""
    best: dict[str, Share] = {}
    for row in records(rows):
        tag = row["tag"] if row["stack"] is None else f"{row['tag']}/{row['stack']}"
        best.setdefault(
            row["lock"],
            Share(
                row["lock"],
                tag,
                row["lock_spec_count"],
                row["cached_count"],
                row["external_count"],
                row["root_count"],
                row["complete_root_count"],
            ),
        )
    return [best[lock] for lock in locks if lock in best]
