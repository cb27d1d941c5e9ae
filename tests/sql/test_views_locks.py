"""Lock files against a snapshot: states, reasons, nearest specs, roots, rankings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import polars as pl
import pytest

from pipeline.schemas import LOCK_SPECS
from tests.rows import WEEK_1, WEEK_2, Spec, ask, needs, open_views


def lock_spec(package: str = "zlib", need: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
    """Return a row of lock_specs that differs from tests' usual spec in `changes` alone.

    Its hash is its package's name unless given; it links to the packages that it needs.
    """
    key = changes.get("hash", package)
    return {
        "lock": "mine",
        "lock_version": 6,
        "spack_version": None,
        "hash": package,
        "package": package,
        "version": "1.2",
        "compiler": "gcc@11.4.0",
        "os": "ubuntu22.04",
        "platform": "linux",
        "target": "x86_64_v3",
        "variants": ["+shared"],
        "is_root": False,
        "is_external": False,
        "dependencies": [edge(name) for name in need],
        "root_specs": [],
        "root_groups": [],
        "flags": [],
        "namespace": "builtin",
        "package_hash": None,
        "node_key": key,
    } | changes


def edge(package: str, *deptypes: str) -> dict[str, Any]:
    """Return a dependency on the node of a package, by default a link dependency."""
    return {
        "node_key": package,
        "package": package,
        "deptypes": list(deptypes or ["link"]),
        "virtuals": [],
    }


def open_locks(
    specs: Iterable[Spec], locks: Iterable[dict[str, Any]], **tables: Any
) -> duckdb.DuckDBPyConnection:
    """Open a new database with specs of the cache and of lock files."""
    rows = with_closures(locks)
    connection = open_views(specs, **tables)
    connection.register("frame", pl.DataFrame(rows, schema=LOCK_SPECS.schema).to_arrow())
    connection.execute("insert into lock_specs by name from frame")
    return connection


def with_closures(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of lock_specs with the keys of what each needs."""
    rows = list(rows)
    needed: dict[str, set[str]] = {}
    for row in rows[::-1]:
        direct = {
            edge["node_key"]
            for edge in row["dependencies"]
            if {"link", "run"} & set(edge["deptypes"])
        }
        needed[row["node_key"]] = direct.union(*(needed[key] for key in direct))
    return [row | {"needed_keys": sorted(needed[row["node_key"]])} for row in rows]


def coverage(
    connection: duckdb.DuckDBPyConnection, columns: str, call: str = f"lock_coverage('{WEEK_1}')"
) -> list[tuple[Any, ...]]:
    """Return some columns of the coverage by the first snapshot."""
    return ask(connection, f"select {columns} from {call}")


def test_lock_coverage_tells_the_state_of_each_spec() -> None:
    """External by the lock file, cached by the hash in that snapshot, else build."""
    connection = open_locks(
        [
            Spec("zlib", "zlib", stacks=("root", "hep", "e4s")),
            Spec("hdf5", "hdf5", tag=WEEK_2),
            Spec("glibc", "glibc"),
        ],
        [lock_spec("zlib"), lock_spec("hdf5"), lock_spec("glibc", is_external=True)],
    )

    assert coverage(connection, "package, state, reason, stacks, also_in") == [
        ("glibc", "external", None, [], []),
        ("hdf5", "build", "package", [], [WEEK_2]),
        ("zlib", "cached", None, ["e4s", "hep"], []),
    ]


@pytest.mark.parametrize(
    ("changes", "reason", "differences"),
    [
        ({"version": "1.3"}, "version", ["version 1.2 != 1.3"]),
        ({"platform": "darwin"}, "platform", ["platform linux != darwin"]),
        ({"os": "rhel8"}, "os", ["os ubuntu22.04 != rhel8"]),
        ({"target": "zen4"}, "target", ["target x86_64_v3 != zen4"]),
        ({"compiler": "gcc@12.1.0"}, "compiler", ["compiler gcc@11.4.0 != gcc@12.1.0"]),
        ({"variants": ["~shared"]}, "variants", ["+shared != ~shared"]),
        ({}, "dependencies", ["equal in all that the tables hold"]),
        (
            {"variants": ["~shared"], "os": "rhel8"},
            "os",
            ["os ubuntu22.04 != rhel8", "+shared != ~shared"],
        ),
    ],
)
def test_the_reason_is_the_first_difference(
    changes: dict[str, Any], reason: str, differences: list[str]
) -> None:
    """Attributes are compared in the order of the contract; all differences are listed."""
    connection = open_locks([Spec("near", **changes)], [lock_spec()])

    assert coverage(connection, "reason, nearest_hash, differences") == [
        (reason, "near", differences)
    ]


def test_the_nearest_spec_agrees_in_the_longest_run() -> None:
    """A spec of another version is farther than any of the same version."""
    connection = open_locks(
        [
            Spec("a", version="1.3"),
            Spec("b", os="rhel8", target="zen4", compiler="none", variants=()),
            Spec("c", target="zen4", compiler="none", variants=()),
            Spec("d", package="other"),
        ],
        [lock_spec()],
    )

    assert coverage(connection, "reason, nearest_hash") == [("target", "c")]


def test_among_equals_the_one_that_runs_comes_first() -> None:
    """Then the smallest hash decides."""
    specs = [
        Spec("a", version="1.3", target="zen4"),
        Spec("c", version="1.4", target="x86_64"),
        Spec("b", version="1.5", target="x86_64_v3"),
    ]

    assert coverage(open_locks(specs, [lock_spec()]), "nearest_hash") == [("b",)]
    assert coverage(open_locks(specs[:2], [lock_spec()]), "nearest_hash") == [("c",)]
    assert coverage(open_locks(specs[:1], [lock_spec()]), "nearest_hash") == [("a",)]


def test_the_host_replaces_the_lock_files() -> None:
    """The host's os and target replace those of the lock file."""
    connection = open_locks(
        [Spec("a", target="x86_64"), Spec("b", os="rhel8", target="zen4")], [lock_spec()]
    )
    host = f"steps.lock_coverage_of('lock_specs', '{WEEK_1}', [], 'rhel8', 'zen4')"

    columns = "os, target, reason, nearest_hash, differences"
    assert coverage(connection, columns) == [
        ("ubuntu22.04", "x86_64_v3", "target", "a", ["target x86_64_v3 != x86_64"])
    ]
    assert coverage(connection, columns, host) == [
        ("ubuntu22.04", "x86_64_v3", "dependencies", "b", ["equal in all that the tables hold"])
    ]


def test_only_the_stacks_named_count() -> None:
    """`root` can be one; column stacks has all that list the spec."""
    connection = open_locks(
        [Spec("zlib", stacks=("hep", "e4s")), Spec("near", "hdf5", stacks=("root",))],
        [lock_spec("zlib"), lock_spec("hdf5")],
    )

    def of(stacks: list[str]) -> list[tuple[Any, ...]]:
        call = f"steps.lock_coverage_of('lock_specs', '{WEEK_1}', {stacks}, null, null)"
        return coverage(connection, "package, state, nearest_hash, stacks", call)

    assert of(["hep"]) == [
        ("hdf5", "build", None, []),
        ("zlib", "cached", None, ["e4s", "hep"]),
    ]
    assert of(["root"]) == [("hdf5", "build", "near", []), ("zlib", "build", None, [])]
    assert of(["root", "hep"])[1][1] == "cached"


def test_the_order_of_variants_does_not_matter() -> None:
    """Pages and lock files list them in different orders."""
    connection = open_locks(
        [Spec("near", variants=("api=default", "+mpi"))],
        [lock_spec(variants=["+mpi", "api=default"])],
    )

    assert coverage(connection, "reason, differences") == [
        ("dependencies", ["equal in all that the tables hold"])
    ]


def test_variant_differences_pair_variants_by_name() -> None:
    """Variants that only one spec has are listed too."""
    query = (
        "select steps.variant_differences(['+a', 'b=1,2', '+c', '~e'], ['~a', 'b=1', '+d', '~e'])"
    )

    assert open_views().execute(query).fetchall() == [
        (["+a != ~a", "b=1,2 != b=1", "+c != no c", "no d != +d"],)
    ]


def test_an_older_or_newer_nearest_version_is_reported() -> None:
    """By Spack's order of versions: 1.10 is newer than 1.9."""
    for version, expected in (("1.9", "older"), ("1.11", "newer"), ("develop", "newer")):
        connection = open_locks([Spec("near", version=version)], [lock_spec(version="1.10")])
        assert coverage(connection, "nearest_version") == [(expected,)]


def test_a_nearest_spec_of_another_os_may_be_usable() -> None:
    """If both have glibc and the binary's is not newer."""
    for binary_os, expected in (("ubuntu20.04", True), ("ubuntu24.04", False)):
        connection = open_locks([Spec("near", os=binary_os)], [lock_spec()])
        assert coverage(connection, "is_nearest_os_usable") == [(expected,)]


def test_the_dependency_that_differs_is_named() -> None:
    """If the cache has dependencies, those of the nearest spec are compared."""
    connection = open_locks(
        [Spec("hdf5", "hdf5"), Spec("zlib", "zlib"), Spec("szip", "szip")],
        [
            lock_spec("hdf5", hash="hdf5-mine", need=["zlib", "szip", "mpich"]),
            lock_spec("zlib", node_key="zlib", hash="zlib-other"),
            lock_spec("szip"),
            lock_spec("mpich"),
        ],
        dependencies=[needs("hdf5", "zlib"), needs("hdf5", "szip")],
    )

    rows = coverage(connection, "package, differences")
    assert rows[0] == ("hdf5", ["^mpich/mpich != no mpich", "^zlib/zlib-ot != /zlib"])


def test_a_root_is_complete_with_all_that_it_links_and_runs() -> None:
    """Build dependencies don't count, externals do; missing ones are in build order."""
    connection = open_locks(
        [Spec("app", "app"), Spec("tool", "tool"), Spec("whole", "whole")],
        [
            lock_spec("app", need=["a", "glibc"], is_root=True),
            lock_spec("whole", need=["glibc"], is_root=True),
            lock_spec("mine", need=["tool"], is_root=True),
            lock_spec("tool", is_root=True, dependencies=[edge("cmake", "build")]),
            lock_spec("a", need=["z"]),
            lock_spec("z", dependencies=[edge("m", "run")]),
            lock_spec("m"),
            lock_spec("cmake"),
            lock_spec("glibc", is_external=True),
        ],
    )

    rows = coverage(connection, "package, state, is_complete, blocked_by")
    assert [row for row in rows if row[2] is not None] == [
        ("app", "cached", False, ["m/m", "z/z", "a/a"]),
        ("mine", "build", False, []),
        ("tool", "cached", True, []),
        ("whole", "cached", True, []),
    ]
    assert ("a", "build", None, ["m/m", "z/z"]) in rows


def test_lock_snapshots_ranks_snapshots_and_stacks() -> None:
    """Each has its share, complete roots, and bytes to download."""
    connection = open_locks(
        [
            Spec("app", "app", stacks=("e4s", "root"), size_bytes=100),
            Spec("zlib", "zlib", stacks=("root",), size_bytes=20),
            Spec("app", "app", tag=WEEK_2, stacks=("e4s",)),
            Spec("other", "other", tag=WEEK_2, stacks=("hep",)),
        ],
        [
            lock_spec("app", need=["zlib", "glibc"], is_root=True),
            lock_spec("zlib"),
            lock_spec("glibc", is_external=True, is_root=True),
            lock_spec("other", hash="mine"),
        ],
    )
    columns = (
        "tag, stack, lock_spec_count, cached_count, round(cached_pct, 1), to_build_count, "
        "external_count, root_count, complete_root_count, download_bytes"
    )

    assert ask(connection, f"select {columns} from lock_snapshots") == [
        (WEEK_1, "e4s", 3, 1, 33.3, 2, 1, 2, 1, 100),
        (WEEK_1, "root", 3, 2, 66.7, 1, 1, 2, 2, 120),
        (WEEK_1, None, 3, 2, 66.7, 1, 1, 2, 2, 120),
        (WEEK_2, "e4s", 3, 1, 33.3, 2, 1, 2, 1, None),
        (WEEK_2, "hep", 3, 0, 0.0, 3, 1, 2, 1, None),
        (WEEK_2, None, 3, 1, 33.3, 2, 1, 2, 1, None),
    ]
    call = "select * exclude (is_snapshot) from steps.lock_snapshots_of('lock_specs')"
    assert ask(connection, call) == ask(connection, "from lock_snapshots")


def test_lock_files_are_told_apart() -> None:
    """Two lock files with the same specs are judged separately."""
    connection = open_locks(
        [Spec("zlib")],
        [
            lock_spec("app", need=["zlib"], is_root=True),
            lock_spec("zlib"),
            lock_spec("zlib", lock="other", is_root=True),
        ],
    )

    assert coverage(connection, "lock, package, state, is_complete") == [
        ("mine", "app", "build", False),
        ("mine", "zlib", "cached", None),
        ("other", "zlib", "cached", True),
    ]
