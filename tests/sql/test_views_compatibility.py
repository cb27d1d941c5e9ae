"""The views and macros of sql/compatibility: what a host, or a compiler's user, can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.warehouse.database import open_warehouse
from tests.rows import WEEK_1, WEEK_2, Spec, ask, needs, open_views

THIRD, TWO_THIRDS = 100 / 3, 200 / 3
BUILD = ("zlib", "1.2", "gcc@11.4.0")


def test_usable_on_is_of_one_os() -> None:
    """The os must be the same; the target may be an ancestor."""
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
    """Only exact matches remain."""
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
        # musl runs no glibc.
        ("alpine3", [("e", "exact")]),
        ("sequoia", [("f", "exact")]),
        ("novel", [("h", "exact")]),
        # The host's own os is enough, whatever the platform.
        ("centos7", [("a", "exact"), ("g", "exact")]),
        ("nowhere", []),
    ],
)
def test_usable_on_any_os_takes_older_glibc(host_os: str, usable: list[tuple[str, str]]) -> None:
    """Another os counts if its glibc is not newer; if that is unknown, none does."""
    rows = ask(
        open_views(LIBCS),
        "select hash, os_match, is_host_libc_known from usable_on_any_os(?, ?, ?)",
        [WEEK_1, host_os, "x86_64_v3"],
    )
    known = host_os in ("rhel8", "centos7", "sequoia")
    assert rows == [(*match, known) for match in usable]


def test_usable_on_any_os_has_the_columns_of_usable_on() -> None:
    """And those of the operating system's match."""
    rows = ask(
        open_views([Spec("a", os="rhel8", target="x86_64")]),
        "from usable_on_any_os(?, ?, ?)",
        [WEEK_1, "ubuntu22.04", "zen4"],
    )
    assert rows == [
        (WEEK_1, *BUILD, "rhel8", "x86_64", "a", ["e4s"], "ancestor", "older libc", True)
    ]


def test_compatible_coverage_shows_exact_and_compatible_side_by_side() -> None:
    """For Zen 4, little is built exactly and much is compatible; a package counts once."""
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
        (WEEK_1, "rhel8", "zen4", 0, 0, 3, 0.0, 0.0, 0, 0.0),
        (WEEK_1, "ubuntu22.04", "x86_64", 1, 1, 3, THIRD, THIRD, 1, THIRD),
        (WEEK_1, "ubuntu22.04", "x86_64_v3", 2, 2, 3, TWO_THIRDS, TWO_THIRDS, 2, TWO_THIRDS),
        (WEEK_1, "ubuntu22.04", "zen4", 1, 3, 3, THIRD, 100.0, 3, 100.0),
    ]


def test_compatible_coverage_has_the_hosts_that_archspec_knows() -> None:
    """Families that the snapshot lacks, and unknown names, have no row."""
    specs = [Spec("a", target="neoverse_v1"), Spec("b", target="graviton2")]
    rows = ask(
        open_views(specs),
        """
        select host_target, exact_package_count, compatible_package_count
        from compatible_coverage
        where os = 'ubuntu22.04'
        """,
    )
    assert rows == [("aarch64", 0, 0), ("neoverse_v1", 1, 1)]


def test_coverage_compiler_os_available_counts_agnostic_packages_for_every_compiler() -> None:
    """A package built both ways counts once; `none` is not counted as a compiler."""
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


def test_matrix_cells_tell_three_states() -> None:
    """Built for a cell, usable there from the same os, or from an os of an older glibc."""
    specs = [
        Spec("a"),
        Spec("b", package="adiak", target="zen4"),
        Spec("c", package="old", os="rhel8"),
        Spec("d", package="script", compiler="none"),
        Spec("e", package="gcc-runtime", compiler="none"),
        Spec("f", package="mac", platform="darwin", os="sonoma", compiler="apple-clang@15"),
    ]
    columns = "exact_package_count, compatible_package_count, reusable_package_count"
    connection = open_views(specs)
    environments = ask(
        connection,
        f"select os, target, {columns} from matrix_cells "
        "where compiler is null and os is not null and target is not null",
    )
    compilers = ask(
        connection,
        f"select compiler, os, {columns} from matrix_cells "
        "where compiler is not null and os is not null",
    )

    assert environments == [
        ("rhel8", "x86_64_v3", 1, 1, 1),
        ("rhel8", "zen4", 0, 1, 1),
        ("sonoma", "x86_64_v3", 1, 1, 1),
        ("ubuntu22.04", "x86_64_v3", 3, 3, 4),
        ("ubuntu22.04", "zen4", 1, 4, 5),
    ]
    # What needs no compiler is there for the users of each, but for parts of a compiler.
    assert compilers == [
        ("apple-clang@15", "sonoma", 1, 1, 1),
        ("gcc@11.4.0", "rhel8", 1, 1, 1),
        ("gcc@11.4.0", "ubuntu22.04", 2, 3, 4),
        ("none", "ubuntu22.04", 2, 2, 2),
    ]


def test_the_glibc_that_an_index_records_decides_in_every_view() -> None:
    """Built on ubuntu24.04 against an older glibc, a spec runs on rhel8; one against 2.39 not."""
    specs = [
        Spec("old", package="old", os="ubuntu24.04"),
        Spec("new", package="new", os="ubuntu24.04"),
        Spec("a", os="rhel8"),
    ]
    dependencies = [needs("old", "glibc", version="2.9"), needs("new", "glibc", version="2.39")]
    connection = open_views(specs, dependencies=dependencies)

    assert ask(
        connection, "select package, os, reusable_os, os_match from gaps where os_match is not null"
    ) == [
        ("old", "rhel8", "ubuntu24.04", "older libc"),
        ("zlib", "ubuntu24.04", "rhel8", "older libc"),
    ]
    for counts in (
        "reusable_package_count from matrix_cells where os = 'rhel8' and target = 'x86_64_v3' "
        "and compiler is null",
        "reusable_package_count from compatible_coverage "
        "where os = 'rhel8' and host_target = 'x86_64_v3'",
        f"count(distinct package) from usable_on_any_os('{WEEK_1}', 'rhel8', 'x86_64_v3')",
    ):
        assert ask(connection, f"select {counts}") == [(2,)]


def test_matrix_cells_have_totals_of_distinct_packages() -> None:
    """A total counts a package once, however many of its cells have it; null means all."""
    specs = [
        Spec("a"),
        Spec("b", compiler="gcc@12.1.0", target="zen4"),
        Spec("c", package="adiak"),
    ]
    rows = ask(
        open_views(specs),
        "select columns(* exclude (tag, snapshot_package_count, reusable_package_count, "
        "reusable_pct)) from matrix_cells",
    )
    old, new, linux, v3, zen4 = "gcc@11.4.0", "gcc@12.1.0", "ubuntu22.04", "x86_64_v3", "zen4"
    one, two = (50.0,), (100.0,)
    assert rows == [
        (old, linux, None, 2, 2, *two, *two),
        (old, None, v3, 2, 2, *two, *two),
        (old, None, zen4, 0, 2, 0.0, *two),
        (old, None, None, 2, 2, *two, *two),
        (new, linux, None, 1, 1, *one, *one),
        (new, None, zen4, 1, 1, *one, *one),
        (new, None, None, 1, 1, *one, *one),
        (None, linux, v3, 2, 2, *two, *two),
        (None, linux, zen4, 1, 2, *one, *two),
        (None, linux, None, 2, 2, *two, *two),
        (None, None, v3, 2, 2, *two, *two),
        (None, None, zen4, 1, 2, *one, *two),
        (None, None, None, 2, 2, *two, *two),
    ]


def test_matrix_cells_of_many_environments() -> None:
    """Snapshots of 1 to 150 environments, fewer or more than the bits of a word, beside each other.

    Each environment has a package of its own, one that all have, and the last one also one that was
    built without a compiler.
    """
    sizes = (1, 8, 9, 63, 64, 65, 127, 128, 129, 150)
    specs = []
    for size in sizes:
        tag = f"of-{size}"
        for number in range(size):
            os = f"os{number:03}"
            specs += [Spec("a", f"own{number}", tag, os=os), Spec(os, "everywhere", tag, os=os)]
        specs.append(Spec("a", "script", tag, os=os, compiler="none"))
    connection = open_views(specs)
    columns = "exact_package_count, compatible_package_count, reusable_package_count"

    by_os = ask(
        connection,
        f"select tag, os, {columns} from matrix_cells "
        "where compiler = 'gcc@11.4.0' and os is not null",
    )
    totals = ask(
        connection,
        f"select tag, {columns} from matrix_cells "
        "where compiler is null and os is null and target is null",
    )

    assert by_os == sorted(
        (f"of-{size}", f"os{number:03}", 2, *[3 if number == size - 1 else 2] * 2)
        for size in sizes
        for number in range(size)
    )
    assert totals == sorted((f"of-{size}", *[size + 2] * 3) for size in sizes)


def test_matrix_cells_agree_with_the_views_of_one_matrix(sample: Path) -> None:
    """Each cell has the counts of the coverage views, exact and compatible."""
    with open_warehouse(sample) as connection:
        for row, column in (("os", "target"), ("compiler", "os"), ("compiler", "target")):
            (absent,) = {"os", "target", "compiler"} - {row, column}
            cells = ask(
                connection,
                f"select tag, {row}, {column}, exact_package_count from matrix_cells "
                f"where {absent} is null and {row} is not null and {column} is not null "
                "and exact_package_count > 0",
            )
            view = f"coverage_{row}_{column}"
            assert cells == ask(
                connection, f"select tag, {row}, {column}, package_count from {view}"
            )
        compatible = ask(
            connection,
            "select tag, os, target, compatible_package_count, reusable_package_count "
            "from matrix_cells "
            "where os is not null and target is not null and compiler is null",
        )
        hosts = ask(
            connection,
            "select tag, os, host_target, compatible_package_count, reusable_package_count "
            "from compatible_coverage",
        )
        available = ask(
            connection,
            "select tag, compiler, os, compatible_package_count from matrix_cells "
            "where os is not null and compiler is not null and compiler <> 'none' "
            "and compatible_package_count > 0",
        )
        of_compilers = ask(
            connection,
            "select tag, compiler, os, available_package_count from coverage_compiler_os_available",
        )
    assert compatible
    assert set(compatible) <= set(hosts)
    assert available == of_compilers


def test_package_snapshots_sum_a_package_up() -> None:
    """The newest version is by Spack's order; environments with an older one lag."""
    specs = [
        Spec("a", version="1.9"),
        Spec("b", version="1.10", target="zen4", stacks=("hep", "root")),
        Spec("c", version="1.10", target="zen4"),
        Spec("d", package="alone", stacks=()),
    ]
    assert ask(open_views(specs), "from package_snapshots") == [
        (WEEK_1, "alone", "1.2", 1, 0, [], 1),
        (WEEK_1, "zlib", "1.10", 2, 1, ["e4s", "hep"], 3),
    ]


def test_compatible_coverage_counts_what_an_older_libc_lets_run() -> None:
    """ubuntu24.04 runs binaries of rhel8, macOS 15 those of 14, and never the reverse."""
    specs = [
        Spec("a", package="blt", os="ubuntu24.04", target="zen4"),
        Spec("b", package="adiak", os="rhel8", target="x86_64"),
        Spec("c", package="camp", os="sonoma", platform="darwin", target="x86_64_v3"),
        Spec("d", package="dray", os="sequoia", platform="darwin", target="x86_64_v3"),
    ]
    rows = ask(
        open_views(specs),
        "select os, host_target, compatible_package_count, reusable_package_count "
        "from compatible_coverage where host_target = 'zen4' "
        "and os in ('centos7', 'rhel8', 'rocky9', 'sequoia', 'sonoma', 'tahoe', 'ubuntu24.04')",
    )
    assert rows == [
        # Any system that runs something of the snapshot is a host, also one that nobody built on.
        ("rhel8", "zen4", 1, 1),
        ("rocky9", "zen4", 0, 1),
        ("sequoia", "zen4", 1, 2),
        ("sonoma", "zen4", 1, 1),
        ("tahoe", "zen4", 0, 2),
        ("ubuntu24.04", "zen4", 1, 2),
    ]


@pytest.mark.parametrize(
    ("host", "usable"),
    [
        ("'ubuntu22.04', 'x86_64_v3'", ["old-glibc"]),
        ("'nowhere9', 'x86_64_v3', host_libc := '2.31'", ["old-glibc"]),
        ("'nowhere9', 'x86_64_v3', host_libc := '2.40'", ["new-glibc", "old-glibc", "table"]),
        ("'nowhere9', 'x86_64_v3', host_libc := '2.9'", []),
        ("'nowhere9', 'x86_64_v3'", []),
    ],
)
def test_usable_on_any_os_goes_by_the_glibc_that_an_index_records(
    host: str, usable: list[str]
) -> None:
    """A spec's external glibc takes precedence over its os's; the host's may be given."""
    specs = [Spec(name, os="ubuntu24.04") for name in ("old-glibc", "new-glibc", "table")]
    dependencies = [
        needs("old-glibc", "glibc", version="2.28"),
        needs("new-glibc", "glibc", version="2.39"),
    ]
    connection = open_views(specs, dependencies=dependencies)

    assert ask(connection, f"select hash from usable_on_any_os('{WEEK_1}', {host})") == [
        (name,) for name in usable
    ]


def test_an_os_of_two_platforms_is_one_to_every_view() -> None:
    """Matrices, gaps and compatible coverage agree for cray and linux with the same os."""
    specs = [
        Spec("a", package="adiak", platform="cray", target="x86_64_v3"),
        Spec("b", package="blt", target="zen4"),
    ]
    connection = open_views(specs)

    assert ask(
        connection,
        "select compatible_package_count from matrix_cells "
        "where os = 'ubuntu22.04' and target = 'zen4' and compiler is null",
    ) == [(2,)]
    assert ask(
        connection,
        "select compatible_package_count from compatible_coverage "
        "where os = 'ubuntu22.04' and host_target = 'zen4'",
    ) == [(2,)]
    assert ask(
        connection, "select usable_target from gaps where package = 'adiak' and target = 'zen4'"
    ) == [("x86_64_v3",)]
