"""Collect what the section "Your environment" shows: how much of lock files is cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.warehouse.locks import (
    OLD_HASHES,
    Share,
    ask_locks,
    known_sizes,
    offer_locks,
    records,
    shares,
)

if TYPE_CHECKING:
    import duckdb

    from pipeline.sources.locks.lock_file import LockFile


@dataclass(frozen=True)
class LockFacts:
    """The share of one lock file that a snapshot holds.

    `warning` says why its hashes match none of newer caches, if so. `sizes` are the bytes of the
    cached specs whose size is known. `incomplete_roots` and `to_build` are rows of macro
    lock_coverage; `blocked_by` of a root that would itself be built ends with `itself`.
    """

    share: Share
    warning: str | None
    sizes: list[int]
    incomplete_roots: list[dict[str, Any]]
    to_build: list[dict[str, Any]]


def read_lock_facts(
    connection: duckdb.DuckDBPyConnection, locks: Mapping[str, LockFile], tag: str | None
) -> list[LockFacts]:
    """Return what snapshot `tag` holds of each lock file; nothing if there is no snapshot."""
    if not locks or tag is None:
        return []
    offer_locks(connection, locks)
    rows = ask_locks(connection, list(locks), tag)
    nodes: dict[str, list[dict[str, Any]]] = {name: [] for name in locks}
    for node in records(rows):
        nodes[node["lock"]].append(node)
    return [
        LockFacts(
            share,
            None if lock.has_dag_hashes else OLD_HASHES.format(lock.version),
            known_sizes(nodes[share.lock]),
            [with_itself(node) for node in nodes[share.lock] if node["is_complete"] is False],
            [node for node in nodes[share.lock] if node["state"] == "build"],
        )
        for share, lock in zip(shares(rows, list(locks), tag), locks.values(), strict=True)
    ]


def with_itself(root: dict[str, Any]) -> dict[str, Any]:
    """Return a root that names itself last among what blocks it, if it would be built."""
    itself = ["itself"] if root["state"] == "build" else []
    return root | {"blocked_by": [*root["blocked_by"], *itself]}
