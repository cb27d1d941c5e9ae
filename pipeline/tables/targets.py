"""Compatibility of CPU targets by archspec's graph of microarchitectures."""

from __future__ import annotations

from collections.abc import Iterable

import archspec.cpu
import polars as pl

from pipeline.schemas import TARGETS


def target_rows(names: Iterable[str]) -> pl.DataFrame:
    """Return table targets: those of archspec, and each other name in `names` with itself."""
    known = archspec.cpu.TARGETS
    rows = [
        (host.name, binary, host.family.name, distance)
        for host in known.values()
        for binary, distance in ancestry(host).items()
    ]
    rows += [(name, name, None, 0) for name in set(names) - set(known)]
    frame = pl.DataFrame(rows, schema=TARGETS.schema, orient="row")
    return TARGETS.conform(frame.sort("host_target", "distance", "binary_target"))


def ancestry(host: archspec.cpu.Microarchitecture) -> dict[str, int]:
    """Return the targets whose binaries run on `host`, with their distance in the ancestry."""
    distances = {host.name: 0}
    generation = [host]
    while generation:
        parents = [parent for target in generation for parent in target.parents]
        distance = distances[generation[0].name] + 1
        generation = [parent for parent in parents if parent.name not in distances]
        for parent in generation:
            distances[parent.name] = distance
    return distances
