"""Generate a history of the build cache of any size, shaped like the real one.

What the real pages teach is kept: a root index beside the stacks, environments of unequal
size, a few specs that repeat within a cell, and snapshots of which one differs from the last
in a small share of its specs. The same arguments always give the same bytes.
"""

from __future__ import annotations

import datetime
import json
import random
from dataclasses import dataclass
from pathlib import Path

FIRST_SNAPSHOT = datetime.date(2024, 8, 4)
HASH_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
MEAN_SPECS_PER_PACKAGE = 9.4
VARIANT_LISTS_PER_SPEC = 0.22  # distinct ones per snapshot, as in the real one of 382 pages
REBUILT_SHARE = 0.15  # of a snapshot's specs, compared with the previous one
UPGRADED_SHARE = 0.02  # of a snapshot's packages
ABSENT_SHARE = 0.03  # of a snapshot's (package, environment) pairs
DEPENDENCIES_PER_SPEC = 30  # in an index of the size of the public cache's largest
FLAGS = ("cflags", "cppflags", "cxxflags", "fflags", "ldflags", "ldlibs")


@dataclass(frozen=True)
class Build:
    """The configuration of a CI job: a stack with its compiler, os and target."""

    stack: str
    compiler: str
    os: str
    platform: str
    target: str
    weight: int


BUILDS = (
    Build("e4s", "gcc@=11.4.0", "ubuntu20.04", "linux", "x86_64_v3", 9),
    Build("e4s-oneapi", "oneapi@=2024.2.1", "ubuntu22.04", "linux", "x86_64_v3", 5),
    Build("e4s-neoverse-v2", "gcc@=11.4.0", "ubuntu22.04", "linux", "neoverse_v2", 7),
    Build("e4s-rocm-external", "gcc@=11.4.0", "ubuntu22.04", "linux", "x86_64_v3", 4),
    Build("e4s-cray-rhel", "cce@=18.0.0", "rhel8", "linux", "zen4", 2),
    Build("build_systems", "gcc@=11.4.0", "ubuntu22.04", "linux", "x86_64_v3", 2),
    Build("data-vis-sdk", "gcc@=11.1.0", "ubuntu20.04", "linux", "x86_64_v3", 5),
    Build("developer-tools-darwin", "apple-clang@=16.0.0", "sequoia", "darwin", "aarch64", 2),
    Build("ml-linux-x86_64-cpu", "gcc@=13.2.0", "ubuntu24.04", "linux", "x86_64_v3", 6),
    Build("ml-linux-x86_64-cuda", "gcc@=13.2.0", "ubuntu24.04", "linux", "x86_64_v3", 6),
    Build("ml-linux-aarch64-cpu", "gcc@=13.2.0", "ubuntu24.04", "linux", "aarch64", 5),
    Build("ml-linux-aarch64-cuda", "gcc@=13.2.0", "ubuntu24.04", "linux", "aarch64", 5),
    Build("radiuss", "gcc@=7.5.0", "ubuntu18.04", "linux", "x86_64_v3", 4),
    Build("radiuss-aws", "gcc@=7.3.1", "amzn2", "linux", "x86_64_v4", 2),
    Build("aws-pcluster-neoverse_v1", "gcc@=12.4.0", "amzn2", "linux", "neoverse_v1", 2),
    Build("hep", "none", "ubuntu22.04", "linux", "x86_64_v3", 2),
)
VARIANTS = (
    "build_system=cmake",
    "build_type=Release",
    "generator=make",
    "~ipo",
    "+shared",
    "+mpi",
    "~cuda",
    "~rocm",
    "+fortran",
    "+openmp",
    "~debug",
    "cuda_arch=80",
    "cxxstd=14",
    "+pic",
    "~tests",
    "patches=ad23cca,b56ee82",
)


def snapshot_tags(count: int) -> list[str]:
    """Return the tags of consecutive weekly snapshots."""
    return [f"develop-{FIRST_SNAPSHOT + datetime.timedelta(weeks=week)}" for week in range(count)]


def write_corpus(folder: Path, snapshots: int, packages: int) -> list[str]:
    """Write `snapshots` x `packages` pages below `folder`, with the site's layout.

    Returns the tags, oldest first.
    """
    tags = snapshot_tags(snapshots)
    for number in range(packages):
        package, history = f"package-{number:04d}", _history(number, snapshots)
        for tag, specs in zip(tags, history, strict=True):
            page = folder / "_cache" / tag / package / "specs.md"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(page_text(package, tag, specs), encoding="utf-8")
    return tags


def page_text(package: str, tag: str, specs: list[dict[str, object]]) -> str:
    """Return specs as a page of the site, with a summary counted from them."""
    stacks = [stack for spec in specs for stack in spec["stacks"]]  # type: ignore[attr-defined]
    meta = {
        "compilers": sorted({spec["compiler"] for spec in specs}),  # type: ignore[type-var]
        "num_specs": len(specs),
        "num_specs_by_stack": {stack: stacks.count(stack) for stack in sorted(set(stacks))},
        "oss": sorted({spec["os"] for spec in specs}),  # type: ignore[type-var]
        "platforms": sorted({spec["platform"] for spec in specs}),  # type: ignore[type-var]
        "stacks": sorted(set(stacks)),
        "targets": sorted({spec["target"] for spec in specs}),  # type: ignore[type-var]
        "versions": sorted({spec["versions"][0] for spec in specs}),  # type: ignore[index]
    }
    return (
        f'---\ntitle: "{package}"\nlayout: cache\ncategories: [package, {tag}]\n'
        f"meta: {json.dumps(meta)}\nspec_details: {json.dumps(specs)}\n---"
    )


def _history(number: int, snapshots: int) -> list[list[dict[str, object]]]:
    """Return the specs of a package in each snapshot, each derived from the one before."""
    rng = random.Random(number)
    count = max(1, round(rng.expovariate(1 / MEAN_SPECS_PER_PACKAGE)))
    weights = [build.weight for build in BUILDS]
    builds = rng.choices(BUILDS, weights, k=count)
    major, minor = rng.randrange(30), rng.randrange(20)
    lists = [_variants(rng) for _ in range(max(1, round(count * VARIANT_LISTS_PER_SPEC)))]
    variants = [rng.choice(lists) for _ in builds]
    hashes = [_hash(rng) for _ in builds]
    history = []
    for _ in range(snapshots):
        if rng.random() < UPGRADED_SHARE:
            minor += 1
            hashes = [_hash(rng) for _ in builds]
        hashes = [_hash(rng) if rng.random() < REBUILT_SHARE else known for known in hashes]
        version = f"{major}.{minor}.{number % 7}"
        specs = [
            _spec(build, spec_hash, version, chosen, rng)
            for build, spec_hash, chosen in zip(builds, hashes, variants, strict=True)
            if rng.random() >= ABSENT_SHARE
        ]
        history.append(specs or [_spec(builds[0], hashes[0], version, variants[0], rng)])
    return history


def _variants(rng: random.Random) -> tuple[str, ...]:
    """Return a list of some common variants, and one specific to the package."""
    common = rng.sample(VARIANTS, rng.randint(3, len(VARIANTS) - 2))
    return (*common, f"{rng.choice('+~')}feature_{rng.randrange(1000)}")


def _spec(
    build: Build, spec_hash: str, version: str, variants: tuple[str, ...], rng: random.Random
) -> dict[str, object]:
    stacks = {build.stack, "root"}
    if rng.random() < 0.29:
        stacks.add(rng.choice(BUILDS).stack)
    return {
        "compiler": build.compiler,
        "hash": spec_hash,
        "os": build.os,
        "platform": build.platform,
        "size": "-",
        "stacks": sorted(stacks),
        "target": build.target,
        "variants": list(variants),
        "versions": [version],
    }


def _hash(rng: random.Random) -> str:
    return "".join(rng.choices(HASH_LETTERS, k=32))


def write_index(mirror: Path, record_count: int) -> Path:
    """Write an index of a mirror of layout 2, with records of about 5 kB; return its path."""
    rng = random.Random(record_count)
    hashes = [_hash(rng) for _ in range(record_count)]
    path = mirror / "build_cache" / "index.json"
    path.parent.mkdir(parents=True)
    with path.open("w") as stream:
        # In chunks, since it is large.
        stream.write('{"database": {"version": "7", "installs": {')
        for number, spec_hash in enumerate(hashes):
            record = {
                "spec": _node(number, hashes, rng),
                "ref_count": 0,
                "in_buildcache": number % 100 > 0,
            }
            stream.write(f'{", " if number else ""}"{spec_hash}": {json.dumps(record)}')
        stream.write("}}}")
    return path


def _node(number: int, hashes: list[str], rng: random.Random) -> dict[str, object]:
    build = rng.choice(BUILDS)
    name, _, version = build.compiler.partition("@=")
    needed = {rng.randrange(number) for _ in range(DEPENDENCIES_PER_SPEC)} if number else set()
    return {
        "name": _package(number),
        "version": f"{number % 30}.{number % 7}",
        "arch": {"platform": build.platform, "platform_os": build.os, "target": build.target},
        "compiler": {"name": name, "version": version or "1"},
        "namespace": "builtin",
        "parameters": {
            **{f"option_{option}": rng.random() < 0.5 for option in range(25)},
            **{flag: [] for flag in FLAGS},
            "build_system": "cmake",
            "build_type": "Release",
        },
        "package_hash": hashes[number] * 2,
        "dependencies": [
            {
                "name": _package(other),
                "hash": hashes[other],
                "parameters": {"deptypes": ["build", "link"], "virtuals": []},
            }
            for other in sorted(needed)
        ],
        "hash": hashes[number],
    }


def _package(number: int) -> str:
    return f"package-{number % 8000:04d}"
