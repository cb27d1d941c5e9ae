"""Flatten lock files into table lock_specs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipeline.schemas import LOCK_SPECS
from pipeline.sources.locks.lock_file import LockFile, LockNode, read_lock
from pipeline.sources.mirror.index import flags_of
from pipeline.tables.flatten import canonical_variants, read_compilers


def read_locks(locks: Mapping[str, Path]) -> pl.DataFrame:
    """Read lock files, given by name, into rows of lock_specs.

    Raises
    ------
    SourceError
        One of them can't be read as a lock file.
    """
    return lock_specs({name: read_lock(path) for name, path in locks.items()})


def lock_specs(locks: Mapping[str, LockFile]) -> pl.DataFrame:
    """Return lock files as table lock_specs, in their order, each sorted by package and version."""
    rows = [row_of(name, lock, node) for name, lock in locks.items() for node in lock.nodes]
    frame = pl.DataFrame(rows, schema=LOCK_SPECS.schema)
    compilers = read_compilers(frame["compiler"])
    return LOCK_SPECS.conform(
        frame.with_columns(
            # A compiler that no cache can have is kept as written.
            pl.col("compiler").replace(compilers["written"], compilers["compiler"]),
            canonical_variants(frame["variants"]),
        )
    )


def row_of(name: str, lock: LockFile, lock_node: LockNode) -> dict[str, object]:
    """Return a node as a row of lock_specs, with the compiler as in the lock file."""
    node = lock_node.node
    target = node.arch.target
    return {
        "lock": name,
        "lock_version": lock.version,
        "spack_version": lock.spack_version,
        "hash": lock_node.hash,
        "package": node.name,
        "version": node.version,
        "compiler": lock_node.compiler,
        "os": node.arch.platform_os,
        "platform": node.arch.platform,
        "target": target if isinstance(target, str) else target.name,
        "variants": lock_node.variants,
        "is_root": bool(lock_node.root_specs),
        "is_external": node.external is not None,
        "dependencies": [
            {
                "node_key": edge.hash,
                "package": edge.name,
                "deptypes": list(edge.deptypes),
                "virtuals": list(edge.parameters.virtuals),
            }
            for edge in node.dependencies
        ],
        "needed_keys": lock_node.needed_keys,
        "root_specs": lock_node.root_specs,
        "root_groups": lock_node.root_groups,
        "flags": flags_of(node.parameters),
        "namespace": node.namespace,
        "package_hash": node.package_hash,
        "node_key": lock_node.key,
    }
