"""Records of one hash in several indexes, and sizes in a mirror's manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command
from tests.sources.mirror.indexes import (
    SNAPSHOT,
    edge,
    flatten,
    index,
    node,
    rejects_of,
    rows_of,
    table,
    write_layout_2,
    write_layout_3,
    write_spec_manifest,
)
from tests.writing import make_hash

FIRST, SECOND = (f"{SNAPSHOT}/{stack}/build_cache/index.json" for stack in ("s1", "s2"))
ARCH = {"platform": "linux", "platform_os": "ubuntu22.04", "target": "x86_64_v3"}

DIFFERENCES: dict[str, tuple[dict[str, Any], str]] = {
    "package": ({"name": "bzip2"}, "package bzip2 != zlib"),
    "version": ({"version": "2.0"}, "versions '2.0' != '1.2'"),
    "target": ({"arch": ARCH | {"target": "zen2"}}, "target 'zen2' != 'x86_64_v3'"),
    "variants": ({"parameters": {"shared": False}}, "variants '~shared' != '+shared'"),
    "flags": ({"parameters": {"shared": True, "cflags": ["-O3"]}}, "flags 'cflags=-O3' != ''"),
    "compiler": (
        {"compiler": {"name": "gcc", "version": "12"}},
        "compiler 'gcc@12' != 'gcc@11.4.0'",
    ),
    "namespace": ({"namespace": "mysite"}, "namespace 'mysite' != 'builtin'"),
    "splice": (
        {"build_spec": {"name": "zlib", "hash": make_hash(7)}},
        f"build_spec '{make_hash(7)}' != 'None'",
    ),
    "dependencies": ({"dependencies": [edge("m4", 9)]}, "other dependencies"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", DIFFERENCES)
def test_another_spec_of_a_hash_is_refused_and_told(case: str, tmp_path: Path) -> None:
    """No row claims for a stack what its index does not; the first index's record is kept."""
    changes, found = DIFFERENCES[case]
    ours = node(namespace="builtin", dependencies=[edge("m4", 8)])
    write_layout_2(tmp_path / "in" / SNAPSHOT / "s1", index(ours))
    write_layout_2(tmp_path / "in" / SNAPSHOT / "s2", index(ours | changes, node("xz", 2)))

    flatten(tmp_path / "in", "--strict", out=tmp_path / "out", status=3)

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "xz", "s2"), (SNAPSHOT, "zlib", "s1")]
    row = table(tmp_path / "out", "spec_stacks").filter(package="zlib").row(0, named=True)
    assert (row["version"], row["target"], row["variants"]) == ("1.2", "x86_64_v3", ["+shared"])
    message = f"hash: expected the spec that {FIRST} has, and that is kept; found {found}"
    assert rejects_of(tmp_path / "out") == [(SECOND, 0, make_hash(1), "duplicate-spec", message)]
    dependencies = table(tmp_path / "out", "dependencies")["dependency_hash"].to_list()
    assert dependencies == [make_hash(8)]
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr


def test_the_same_spec_may_be_written_differently(tmp_path: Path) -> None:
    """Other key order, facts that older versions lack, the compiler as an edge."""
    edges = [edge("m4", 8, ("build",)), edge("gcc", 9, ("build",), ("c",))]
    new = node(namespace="builtin", package_hash="h", compiler=None, dependencies=edges)
    gcc = node("gcc", 9, version="11.4.0", compiler=None)
    old = dict(reversed(new.items())) | {"dependencies": edges[::-1]}
    del old["namespace"], old["package_hash"]
    old["compiler"] = {"version": "11.4.0", "name": "gcc"}
    snapshot = tmp_path / "in" / SNAPSHOT
    write_layout_2(snapshot / "s1", index(new, gcc, version="8", mere=(9,)))
    write_layout_2(snapshot / "s2", index(old, gcc, version="7", mere=(9,)))
    write_layout_2(
        snapshot / "s3",
        json.dumps(json.loads(index(new, gcc, version="8", mere=(9,))), indent=1).encode(),
    )

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rejects_of(tmp_path / "out") == []
    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", stack) for stack in ("s1", "s2", "s3")]


def test_sizes_are_those_of_each_stacks_binary(tmp_path: Path) -> None:
    """A hash may be pushed twice; a stack's manifest does not apply to others' binaries."""
    snapshot = tmp_path / "in" / SNAPSHOT
    write_layout_3(snapshot / "s1", index(node()), sizes={1: 10})
    write_layout_3(snapshot / "s2", index(node()), sizes={1: 11})
    write_layout_3(snapshot / "s3", index(node()))
    flatten(tmp_path / "in", out=tmp_path / "out")
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr

    found = table(tmp_path / "out", "spec_stacks").select("stack", "size_bytes").rows()
    largest = run_command(
        "query", "select size_bytes from specs", "--out", tmp_path / "out", "--format", "csv"
    )

    assert found == [("s1", 10), ("s2", 11), ("s3", None)]
    assert largest.stdout.split() == ["size_bytes", "11"]


def test_a_mirror_in_both_layouts_has_one_size_a_spec(tmp_path: Path) -> None:
    """After `spack buildcache migrate`, manifests have the sizes for both indexes."""
    mirror = tmp_path / "site"
    write_layout_2(mirror, index(node(), node("xz", 2)))
    write_layout_3(mirror, index(node()), sizes={1: 10})
    write_spec_manifest(mirror, f"xz-1.2-{make_hash(2)}", 20, package="xz")

    flatten(mirror, "--tag", "t", out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select("package", "stack", "size_bytes").rows()
    assert rows == [("xz", None, 20), ("zlib", None, 10)]


def test_layout_2_has_the_sizes_of_a_migrated_mirror(tmp_path: Path) -> None:
    """Even while its own index is the only one."""
    mirror = tmp_path / "site"
    write_layout_2(mirror, index(node()))
    write_spec_manifest(mirror, f"zlib-1.2-{make_hash(1)}", 10)

    flatten(mirror, "--tag", "t", out=tmp_path / "out")

    assert table(tmp_path / "out", "spec_stacks")["size_bytes"].to_list() == [10]


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("git.main=1.2", "git.main_1.2"),
        ("git.releases/v1=1.2-rc1+b", "git.releases_v1_1.2-rc1+b"),
        ("1.2@x y", "1.2_x_y"),
    ],
)
def test_a_manifest_is_named_as_spack_names_files(version: str, name: str, tmp_path: Path) -> None:
    """Everything except letters, digits and `_+.-` becomes `_` (format_path)."""
    mirror = tmp_path / SNAPSHOT / "e4s"
    write_layout_3(mirror, index(node(version=version)))
    write_spec_manifest(mirror, f"zlib-{name}-{make_hash(1)}", 10)

    flatten(tmp_path, out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select("version", "size_bytes").rows()
    assert rows == [(version, 10)]
