"""The views and macros of sql/5_compatibility: what a host, or a user of a compiler, can use."""

from __future__ import annotations

import pytest

from tests.rows import WEEK_1, WEEK_2, Spec, ask, open_views

THIRD, TWO_THIRDS = 100 / 3, 200 / 3
BUILD = ("zlib", "1.2", "gcc@11.4.0")


def test_usable_on_is_of_one_os() -> None:
    """The os must be the very same; the target may be an ancestor."""
    specs = [
        Spec("a", stacks=("hep", "e4s", "root")),
        Spec("b", target="zen4", stacks=()),
        Spec("c", target="aarch64"),
        Spec("d", os="rhel8"),
        Spec("e", tag=WEEK_2),
    ]
    connection = open_views(specs)
    rows = ask(connection, "from usable_on(?, ?, ?)", [WEEK_1, "ubuntu22.04", "zen4"])
    assert rows == [
        (WEEK_1, *BUILD, "ubuntu22.04", "x86_64_v3", "a", ["e4s", "hep"], "ancestor"),
        (WEEK_1, *BUILD, "ubuntu22.04", "zen4", "b", [], "exact"),
    ]
    assert ask(connection, "from usable_on(?, ?, ?)", [WEEK_1, "ubuntu22.04", "x86_64"]) == []


def test_usable_on_a_target_that_archspec_lacks() -> None:
    """Exact matches are left."""
    specs = [Spec("a", target="graviton2"), Spec("b", target="aarch64")]
    rows = ask(
        open_views(specs),
        "select hash, target_match from usable_on(?, ?, ?)",
        [WEEK_1, "ubuntu22.04", "graviton2"],
    )
    assert rows == [("a", "exact")]


LIBCS = [
    Spec("a", os="centos7"),
    Spec("b", os="rhel8"),
    Spec("c", os="rocky8", target="x86_64"),
    Spec("d", os="ubuntu22.04"),
    Spec("e", os="alpine3"),
    Spec("f", os="sequoia", platform="darwin"),
    Spec("g", os="centos7", platform="cray"),
    Spec("h", os="novel"),
    Spec("i", os="centos7", target="zen4"),
    Spec("j", os="centos7", tag=WEEK_2),
]


@pytest.mark.parametrize(
    ("host_os", "usable"),
    [
        # No newer glibc, no other platform.
        ("rhel8", [("a", "older libc"), ("b", "exact"), ("c", "older libc")]),
        # musl runs no glibc, and a newer macOS is not known to run an older one's.
        ("alpine3", [("e", "exact")]),
        ("sequoia", [("f", "exact")]),
        ("novel", [("h", "exact")]),
        # The host's own os is enough, whatever the platform.
        ("centos7", [("a", "exact"), ("g", "exact")]),
        ("nowhere", []),
    ],
)
def test_usable_on_any_os_takes_older_glibc(host_os: str, usable: list[tuple[str, str]]) -> None:
    """Another os serves where its glibc is not newer; without that knowledge, none does."""
    rows = ask(
        open_views(LIBCS),
        "select hash, os_match, is_host_libc_known from usable_on_any_os(?, ?, ?)",
        [WEEK_1, host_os, "x86_64_v3"],
    )
    known = host_os in ("rhel8", "centos7")
    assert rows == [(*match, known) for match in usable]


def test_usable_on_any_os_has_the_columns_of_usable_on() -> None:
    """With the operating system's match beside the target's."""
    rows = ask(
        open_views([Spec("a", os="rhel8", target="x86_64")]),
        "from usable_on_any_os(?, ?, ?)",
        [WEEK_1, "ubuntu22.04", "zen4"],
    )
    assert rows == [
        (WEEK_1, *BUILD, "rhel8", "x86_64", "a", ["e4s"], "ancestor", "older libc", True)
    ]


def test_compatible_coverage_shows_exact_and_compatible_side_by_side() -> None:
    """Zen 4 finds little built for it, and much that runs on it; a package counts once."""
    specs = [
        Spec("a"),
        Spec("b", target="x86_64"),
        Spec("a", package="adiak"),
        Spec("a", package="blt", target="zen4"),
        Spec("c", os="rhel8", target="graviton2"),
    ]
    rows = ask(
        open_views(specs),
        """
        from compatible_coverage
        where os = 'ubuntu22.04' and host_target <> 'x86_64_v4'
            or os = 'rhel8' and host_target = 'zen4'
        """,
    )
    assert rows == [
        (WEEK_1, "rhel8", "zen4", 0, 0, 3, 0.0, 0.0),
        (WEEK_1, "ubuntu22.04", "x86_64", 1, 1, 3, THIRD, THIRD),
        (WEEK_1, "ubuntu22.04", "x86_64_v3", 2, 2, 3, TWO_THIRDS, TWO_THIRDS),
        (WEEK_1, "ubuntu22.04", "zen4", 1, 3, 3, THIRD, 100.0),
    ]


def test_compatible_coverage_has_the_hosts_that_archspec_knows() -> None:
    """Families of which the snapshot has nothing, and names that archspec lacks, have no row."""
    specs = [Spec("a", target="neoverse_v1"), Spec("b", target="graviton2")]
    rows = ask(
        open_views(specs),
        """
        select host_target, exact_package_count, compatible_package_count
        from compatible_coverage
        """,
    )
    assert rows == [("aarch64", 0, 0), ("neoverse_v1", 1, 1)]


def test_coverage_compiler_os_available_counts_agnostic_packages_for_every_compiler() -> None:
    """A package built both ways counts once; `none` is no compiler that one uses."""
    specs = [
        Spec("a", package="adiak"),
        Spec("a", package="adiak", tag=WEEK_2, compiler="none"),
        Spec("b", package="adiak", compiler="none"),
        Spec("c", package="blt", compiler="none"),
        Spec("d", package="camp", compiler="none", os="rhel8"),
        Spec("e", package="camp", compiler="cce@18.0.0", os="rhel9"),
    ]
    rows = ask(open_views(specs), "from coverage_compiler_os_available")
    assert rows == [
        (WEEK_1, "cce@18.0.0", "rhel9", 1, 0, 1, 3, THIRD, THIRD),
        (WEEK_1, "gcc@11.4.0", "ubuntu22.04", 1, 2, 2, 3, THIRD, TWO_THIRDS),
    ]
