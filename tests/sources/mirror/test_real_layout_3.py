"""Layout 3 as Spack 1.2 wrote it: tests/mirror-v3 has one stack of it.

The expected values were taken from the index and the manifests by hand.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import run_command
from tests.sources.mirror.indexes import flatten, rejects_of, table

MIRROR = Path(__file__).parents[2] / "mirror-v3"
TAG = "develop-2026-06-28"
ZLIB_NG = "zhazvpq33amquhmzsj4sdbnw7aiaxyju"
GCC = "45xm7z4xhya5cql3bjaajdampolooiei"
GLIBC = "oj723coaonaxhheicog4xnnepuni3pjb"
RUNTIME = "dc5aettskrvkl3ecfbqn27hzpyrr5v6n"


def test_the_rows_of_a_real_layout_3(tmp_path: Path) -> None:
    """Every column of one spec; sizes are those in the manifests, and none is missing."""
    flatten(MIRROR, out=tmp_path)

    rows = table(tmp_path, "spec_stacks")
    assert len(rows) == 24
    assert rows["size_bytes"].null_count() == 0
    sizes = dict(rows.select("package", "size_bytes").rows())
    assert {name: sizes[name] for name in ("compiler-wrapper", "gcc-runtime", "gmake")} == {
        "compiler-wrapper": 5244,
        "gcc-runtime": 4777,
        "gmake": 6072,
    }
    assert rows.filter(package="zlib-ng").row(0, named=True) == {
        "tag": TAG,
        "package": "zlib-ng",
        "hash": ZLIB_NG,
        "stack": "hep",
        "version": "2.3.3",
        "compiler": "gcc@12.2.0",
        "compiler_name": "gcc",
        "compiler_version": "12.2.0",
        "os": "debian12",
        "platform": "linux",
        "target": "x86_64_v2",
        "variants": [
            *("build_system=autotools", "+compat", "+new_strategies", "+opt", "+pic", "+shared"),
        ],
        "size_bytes": 5631,
        "tarball": None,
        "page": f"{TAG}/hep/v3/manifests/index/index.manifest.json",
        "flags": [],
        "namespace": "builtin",
        "package_hash": "bnbx7ezlmmjgjyubhncgeel7lpbjrj6l4aeuhyewdeyz56l7tqsq====",
        "build_spec": None,
        "provided_virtuals": ["zlib-api"],
    }
    assert rejects_of(tmp_path) == []


def test_the_dependencies_of_a_real_layout_3(tmp_path: Path) -> None:
    """The host's GCC and glibc have no binary, but a version and a path; both compile C."""
    flatten(MIRROR, out=tmp_path)
    built = run_command("build", "--out", tmp_path)
    assert built.returncode == 0, built.stderr

    rows = table(tmp_path, "dependencies").filter(hash=ZLIB_NG).drop("tag", "hash").rows()
    closure = run_command(
        *("query", f"select * exclude (tag, hash) from closure('{TAG}', '{ZLIB_NG}')"),
        *("--out", tmp_path, "--format", "json"),
    )

    assert sorted(rows, key=lambda row: row[1]) == [
        (
            "qekd2ajlnyj5hgppouqpkgn4y3f3xq3h",
            *("compiler-wrapper", ["build"], [], False, "1.1.0", None),
        ),
        (GCC, "gcc", ["build"], ["c", "cxx"], True, "12.2.0", "/usr"),
        (RUNTIME, "gcc-runtime", ["link"], [], False, "12.2.0", None),
        (GLIBC, "glibc", ["link"], ["libc"], True, "2.36", "/usr"),
        ("kkqnlog5wnmtijcdk3fjg5m4mv66cbdi", "gmake", ["build"], [], False, "4.4.1", None),
    ]
    compilers = table(tmp_path, "spec_compilers").filter(hash=ZLIB_NG)
    assert compilers.select("language", "compiler").rows() == [
        ("c", "gcc@12.2.0"),
        ("cxx", "gcc@12.2.0"),
    ]
    found = {row["dependency_name"]: row for row in json.loads(closure.stdout)}
    assert found == {
        "gcc-runtime": {
            "dependency_hash": RUNTIME,
            "dependency_name": "gcc-runtime",
            "is_external": False,
            "version": "12.2.0",
            "stacks": ["hep"],
            "is_in_root": False,
            "external_path": None,
        },
        "glibc": {
            "dependency_hash": GLIBC,
            "dependency_name": "glibc",
            "is_external": True,
            "version": "2.36",
            "stacks": [],
            "is_in_root": False,
            "external_path": "/usr",
        },
    }
