"""`cache-coverage find` as users run it, on pages and on a build cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command as run

NEWEST = "develop-2025-03-30"
MIRROR_TAG = "develop-2024-10-20"


def find(out: Path, *arguments: str) -> tuple[list[dict[str, Any]], str]:
    """Run `find`; return its rows and its messages."""
    result = run("find", *arguments, "--out", out, "--format", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def query(out: Path, sql: str) -> list[str]:
    """Return the hashes that a query selects, sorted."""
    rows = json.loads(run("query", sql, "--out", out, "--format", "json").stdout)
    return sorted(row["hash"] for row in rows)


@pytest.mark.parametrize(
    ("spec", "condition"),
    [
        ("adiak", "package = 'adiak'"),
        ("adiak@0.4 %gcc@11", "package = 'adiak' and compiler = 'gcc@11.4.0'"),
        ("adiak %oneapi", "package = 'adiak' and compiler_name = 'intel-oneapi-compilers'"),
        (
            "cuda@12.4: target=aarch64:",
            "package = 'cuda' and version >= '12.4' and target in ('aarch64', 'neoverse_v2')",
        ),
        ("rocblas~tensile", "package = 'rocblas' and list_contains(variants, '~tensile')"),
        ("+cuda", "list_contains(variants, '+cuda')"),
        ("os=ubuntu18.04", "os = 'ubuntu18.04'"),
        ("/5wkxcv", "hash like '5wkxcv%'"),
    ],
)
def test_find_lists_the_specs_that_satisfy(sample: Path, spec: str, condition: str) -> None:
    """The result is that of an equivalent SQL query on the newest weekly snapshot."""
    rows, said = find(sample, spec)

    found = query(sample, f"select hash from specs where tag = '{NEWEST}' and {condition}")
    assert sorted(row["hash"] for row in rows) == found
    assert said == ("" if found else f"no spec of {NEWEST} satisfies it\n")


def test_find_has_the_columns_of_a_spec(sample: Path) -> None:
    """Each row has the spec's snapshot and attributes."""
    (row,), _ = find(sample, "rocblas@6.3")

    assert row == {
        "tag": NEWEST,
        "package": "rocblas",
        "version": "6.3.2",
        "compiler": "gcc@11.4.0",
        "os": "ubuntu22.04",
        "platform": "linux",
        "target": "x86_64_v3",
        "variants": row["variants"],
        "hash": "ys5ppjjmlmmkzxbno725r7e2xi7hzy5x",
        "stacks": ["e4s"],
    }


def test_find_looks_into_other_snapshots(sample: Path) -> None:
    """--tag names one snapshot, or all."""
    assert {row["tag"] for row in find(sample, "swig", "--tag", "develop-2025-03-23")[0]} == {
        "develop-2025-03-23"
    }
    assert {row["tag"] for row in find(sample, "adiak", "--tag", "all")[0]} == {
        "develop-2025-03-16",
        "develop-2025-03-23",
        NEWEST,
    }


@pytest.mark.parametrize("exact", [[], ["--exact-os"]])
def test_find_keeps_to_what_a_host_can_use(sample: Path, exact: list[str]) -> None:
    """Of its own os or an older C library, for its own target or an ancestor of that."""
    host = ["--os", "ubuntu24.04", "--target", "zen4", *exact]
    rows, _ = find(sample, "adiak", *host)

    result = run("usable", *host, "adiak", "--out", sample, "--format", "json")
    assert {row["hash"] for row in rows} == {row["hash"] for row in json.loads(result.stdout)}
    assert bool(rows) == (not exact)


def test_find_for_an_os_whatever_the_target(sample: Path) -> None:
    """Without --target what was built for any is found; an os needs a known glibc."""
    rows, _ = find(sample, "adiak", "--os", "ubuntu24.04")

    assert {row["target"] for row in rows} == {"aarch64", "neoverse_v2", "x86_64_v3"}
    refused = run("find", "adiak", "--os", "ubuntu2404", "--out", sample)
    assert refused.returncode == 1
    assert "no os 'ubuntu2404' (if its glibc is known, add --libc VERSION): did" in refused.stderr
    by_libc, _ = find(sample, "adiak", "--os", "sles15", "--libc", "2.39")
    assert by_libc == rows
    assert run("find", "adiak", "--libc", "2.39", "--out", sample).returncode == 2


def test_find_says_that_there_is_none(sample: Path) -> None:
    """An answer without rows names the snapshot, which may be the default."""
    rows, said = find(sample, "adiak@99")
    everywhere, said_of_all = find(sample, "adiak@99", "--tag", "all")

    assert rows == everywhere == []
    assert said == "no spec of develop-2025-03-30 satisfies it\n"
    assert said_of_all == "no spec of 3 snapshots satisfies it\n"


def test_find_says_what_it_cannot_tell(sample: Path) -> None:
    """Dependencies of specs from pages are unknown: the message says so, and for how many specs."""
    rows, said = find(sample, "adiak ^mpi")

    assert rows == []
    assert said == ("8 specs: can't tell whether they satisfy it: ^mpi: dependencies are unknown\n")


def test_find_knows_dependencies_of_a_build_cache(mirror_sample: Path) -> None:
    """`^` matches transitive link and run dependencies, and direct build dependencies."""
    by_sql = query(
        mirror_sample,
        "select distinct hash from dependencies where dependency_name = 'gmake' "
        f"and tag = '{MIRROR_TAG}' and hash in (select hash from specs)",
    )
    rows, said = find(mirror_sample, "%gmake")
    assert sorted(row["hash"] for row in rows) == by_sql
    assert by_sql
    assert said == ""

    deep = {row["hash"] for row in find(mirror_sample, "^gmake")[0]}
    assert set(by_sql) <= deep
    assert find(mirror_sample, "^gmake ^no-such-package")[0] == []


@pytest.mark.parametrize(
    ("spec", "status", "problem"),
    [
        ("adiak ++mpi", 2, "propagation of '++mpi' to dependencies is not supported by find, at"),
        ("adiak@1.4:1.2", 2, "the range 1.4:1.2 is empty, at character 6:\n  adiak@1.4:1.2\n"),
        ("adiak!", 2, "unexpected '!', at character 6"),
        ("adaik", 1, "no package 'adaik': did you mean adiak"),
    ],
)
def test_find_refuses_what_it_cannot_read(
    sample: Path, spec: str, status: int, problem: str
) -> None:
    """Wrong or unsupported grammar is wrong usage, with the position; so are unknown packages."""
    result = run("find", spec, "--out", sample)

    assert (result.returncode, result.stdout) == (status, "")
    assert problem in result.stderr
