"""Time `lock` on a generated lock file of 1,200 specs and snapshot of 60,000; goal: under 2 s.

Run as `python -m tests.benchmarks.locks`.
"""

from __future__ import annotations

import random
from time import perf_counter
from typing import Any

import polars as pl

from pipeline.schemas import LOCK_SPECS
from tests.rows import WEEK_1, Spec, open_views
from tests.writing import make_hash

SPEC_COUNT, PACKAGE_COUNT, NODE_COUNT, ROOT_COUNT = 60_000, 1_250, 1_200, 60
GOAL_SECONDS = 2
RUNS = 3
TARGETS = ("x86_64", "x86_64_v3", "x86_64_v4", "zen4", "aarch64", "neoverse_v1")
QUERY = f"""
    select state, count(*)
    from steps.lock_coverage_of('asked', '{WEEK_1}', [], null, null)
    group by all
    order by all
"""


def make_specs(chance: random.Random) -> list[Spec]:
    """Return the specs of a snapshot, a few dozen per package."""
    return [
        Spec(
            make_hash(number),
            f"package-{number % PACKAGE_COUNT}",
            stacks=chance.sample(("e4s", "hep", "ml", "root", "radiuss"), 2),
            version=f"1.{chance.randint(0, 3)}",
            compiler=chance.choice(("gcc@11.4.0", "gcc@12.1.0", "none")),
            os=chance.choice(("ubuntu22.04", "rhel8")),
            target=chance.choice(TARGETS),
            variants=[f"{chance.choice('+~')}v{variant}" for variant in range(12)],
        )
        for number in range(SPEC_COUNT)
    ]


def make_lock(chance: random.Random, specs: list[Spec]) -> list[dict[str, Any]]:
    """Return rows of lock_specs: a third of them cached, each with three dependencies."""
    rows: list[dict[str, Any]] = []
    needed: list[set[int]] = []
    for number in range(NODE_COUNT):
        spec = chance.choice(specs)
        is_cached = chance.random() < 1 / 3
        direct = chance.sample(range(max(0, number - 200), number), min(number, 3))
        needed.append(set(direct).union(*(needed[other] for other in direct[:1])))
        rows.append(
            {
                "lock": "benchmark",
                "lock_version": 6,
                "spack_version": None,
                "hash": spec.hash if is_cached else make_hash(SPEC_COUNT + number),
                "package": spec.package,
                "version": spec.version,
                "compiler": spec.compiler,
                "os": spec.os,
                "platform": spec.platform,
                "target": spec.target,
                "variants": [*spec.variants[:-1], "+v11"],
                "is_root": number >= NODE_COUNT - ROOT_COUNT,
                "is_external": False,
                "dependencies": [
                    {
                        "node_key": str(other),
                        "package": rows[other]["package"],
                        "deptypes": ["link"],
                        "virtuals": [],
                    }
                    for other in direct
                ],
                "needed_keys": [str(other) for other in needed[number]],
                "root_specs": [],
                "root_groups": [],
                "flags": [],
                "namespace": "builtin",
                "package_hash": None,
                "node_key": str(number),
            }
        )
    return rows


def main() -> None:
    """Print the seconds of each run, and the states found."""
    chance = random.Random(1)
    specs = make_specs(chance)
    connection = open_views(specs)
    connection.execute("set threads = 2")
    lock = pl.DataFrame(make_lock(chance, specs), schema=LOCK_SPECS.schema)
    connection.register("asked", lock.to_arrow())
    for _ in range(RUNS):
        start = perf_counter()
        states = connection.execute(QUERY).fetchall()
        seconds = perf_counter() - start
        print(f"{seconds:.2f} s, goal < {GOAL_SECONDS} s: {states}")


if __name__ == "__main__":
    main()
