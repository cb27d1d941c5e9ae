"""The views of sql/specs: specs, their stacks, the snapshots' tags and the versions' order."""

from __future__ import annotations

import datetime

from tests.rows import WEEK_1, WEEK_2, Spec, ask, open_views, page


def test_specs_has_each_spec_once_with_its_stacks_sorted() -> None:
    """The rows of a spec become one; root is a column of its own, not a stack."""
    specs = [
        Spec(
            "a",
            stacks=("root", "hep", "e4s"),
            compiler="intel-oneapi-compilers@2024.2.1",
            variants=("~b", "+a"),
            size_bytes=7,
            tarball="https://example.org/a",
            flags=["cflags=-O3"],
            namespace="builtin",
            package_hash="h",
            build_spec="c",
            provided_virtuals=["blas", "lapack"],
        ),
        Spec("b", stacks=("e4s",), compiler="none", variants=()),
        Spec("a", tag=WEEK_2, package="adiak", stacks=("root",)),
    ]
    rows = ask(open_views(specs), "select * exclude (platform, os, target) from specs")
    gcc = ("gcc@11.4.0", "gcc", "11.4.0")
    nothing = (None,) * 5
    assert rows == [
        (
            *(WEEK_1, "zlib", "a", "1.2"),
            *("intel-oneapi-compilers@2024.2.1", "intel-oneapi-compilers", "2024.2.1"),
            *(["~b", "+a"], 7, "https://example.org/a", f"{WEEK_1}/zlib/specs.md"),
            *(["e4s", "hep"], True),
            *(["cflags=-O3"], "builtin", "h", "c", ["blas", "lapack"]),
        ),
        (
            *(WEEK_1, "zlib", "b", "1.2", "none", "none", None),
            *([], None, None, f"{WEEK_1}/zlib/specs.md", ["e4s"], False),
            *nothing,
        ),
        (
            *(WEEK_2, "adiak", "a", "1.2", *gcc),
            *(["+shared"], None, None, f"{WEEK_2}/adiak/specs.md", [], True),
            *nothing,
        ),
    ]


def test_specs_in_no_stack_have_an_empty_list() -> None:
    """A spec in no stack is still a spec, and not in root."""
    rows = ask(
        open_views([Spec(stacks=())]),
        "select platform, os, target, stacks, is_in_root from specs",
    )
    assert rows == [("linux", "ubuntu22.04", "x86_64_v3", [], False)]


def test_stack_specs_leaves_out_root_and_specs_in_no_stack() -> None:
    """One row per stack."""
    specs = [
        Spec("a", stacks=("e4s", "hep", "root")),
        Spec("b", stacks=()),
        Spec("c", target="zen4"),
    ]
    rows = ask(open_views(specs), "from steps.stack_specs")
    assert rows == [
        (WEEK_1, "e4s", "zlib", "a", "ubuntu22.04", "linux", "x86_64_v3"),
        (WEEK_1, "e4s", "zlib", "c", "ubuntu22.04", "linux", "zen4"),
        (WEEK_1, "hep", "zlib", "a", "ubuntu22.04", "linux", "x86_64_v3"),
    ]


def test_snapshot_tags_tells_kinds_and_finds_the_one_before() -> None:
    """Weekly tags are ordered by date, releases by number; others have no order."""
    specs = [Spec(tag=tag) for tag in ("develop", WEEK_2, "v0.10.0", "v0.9.0", "nightly")]
    pages = [
        page(tag=tag)
        for tag in ("develop", WEEK_1, "v0.9.1", "v0.9", "develop-2025-02-30", "develop-2025-3-9")
    ]
    rows = ask(open_views(specs, pages), "select columns(* exclude line) from steps.snapshot_tags")
    march = [datetime.date(2025, 3, day) for day in (16, 23)]
    assert rows == [
        ("develop", "rolling", None, None),
        ("develop-2025-02-30", "other", None, None),
        ("develop-2025-03-16", "weekly", march[0], None),
        ("develop-2025-03-23", "weekly", march[1], "develop-2025-03-16"),
        ("develop-2025-3-9", "other", None, None),
        ("nightly", "other", None, None),
        ("v0.10.0", "release", None, "v0.9.1"),
        ("v0.9", "versioned", None, None),
        ("v0.9.0", "release", None, None),
        ("v0.9.1", "release", None, "v0.9.0"),
    ]


def test_tags_of_sites_and_of_spacks_packages_have_their_own_lines() -> None:
    """Dated, versioned and release tags follow the previous one of the same line."""
    tags = {
        "2026-11": ("dated", datetime.date(2026, 11, 1), None),
        "2026-11-01": ("dated", datetime.date(2026, 11, 1), "2026-11"),
        "2026-13-01": ("other", None, None),
        "24.11": ("versioned", None, None),
        "25.06": ("versioned", None, "24.11"),
        "develop": ("rolling", None, None),
        "develop-0000-01-01": ("other", None, None),
        "develop-2025-07-13": ("weekly", datetime.date(2025, 7, 13), None),
        "develop-2025-11-11": ("weekly", datetime.date(2025, 11, 11), "develop-2025-07-13"),
        "develop-9999-12-31": ("other", None, None),
        "gpu-2026-10": ("dated", datetime.date(2026, 10, 1), None),
        "gpu-2026-11": ("dated", datetime.date(2026, 11, 1), "gpu-2026-10"),
        "site-v10": ("versioned", None, "site-v9"),
        "site-v9": ("versioned", None, None),
        "ubuntu22.04": ("other", None, None),
        "v0.23.1": ("release", None, None),
        "v2025.06.0": ("release", None, None),
        "v2025.07.0": ("release", None, "v2025.06.0"),
        "v2026.03.0": ("release", None, "v2025.07.0"),
    }
    rows = ask(
        open_views([Spec(tag=tag) for tag in tags]),
        "select columns(* exclude line) from steps.snapshot_tags",
    )

    assert rows == [(tag, *facts) for tag, facts in sorted(tags.items())]


def test_version_order_counts_every_version_once() -> None:
    """Positions follow Spack's order; equal versions are ordered as text."""
    versions = ["develop", "1.10", "1.9", "1.1", "1.01", "1.10"]
    specs = [Spec(str(number), version=version) for number, version in enumerate(versions)]
    rows = ask(open_views(specs), "select version_position, version from version_order")
    assert rows == [(1, "1.01"), (2, "1.1"), (3, "1.9"), (4, "1.10"), (5, "develop")]
