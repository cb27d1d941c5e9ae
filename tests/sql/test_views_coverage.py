"""The views and macros of sql/coverage: matrices, stacks, gaps, versions and page summaries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rows import WEEK_1, WEEK_2, Row, Spec, ask, open_views, page

LINUX = ("linux", "ubuntu22.04")
SPECS = [
    Spec("a"),
    Spec("b"),
    Spec("c", compiler="none"),
    Spec("a", package="adiak", os="rhel8"),
    Spec("a", package="blt", target="zen4", stacks=()),
    Spec("a", tag=WEEK_2),
]
GCC = "gcc@11.4.0"
THIRD, TWO_THIRDS = 100 / 3, 200 / 3
MATRICES: dict[str, list[Row]] = {
    "coverage_compiler_os": [
        (WEEK_1, GCC, "rhel8", 1, 3, THIRD, 1),
        (WEEK_1, GCC, "ubuntu22.04", 2, 3, TWO_THIRDS, 3),
        (WEEK_1, "none", "ubuntu22.04", 1, 3, THIRD, 1),
        (WEEK_2, GCC, "ubuntu22.04", 1, 1, 100.0, 1),
    ],
    "coverage_compiler_target": [
        (WEEK_1, GCC, "x86_64_v3", 2, 3, TWO_THIRDS, 3),
        (WEEK_1, GCC, "zen4", 1, 3, THIRD, 1),
        (WEEK_1, "none", "x86_64_v3", 1, 3, THIRD, 1),
        (WEEK_2, GCC, "x86_64_v3", 1, 1, 100.0, 1),
    ],
    "coverage_os_target": [
        (WEEK_1, "rhel8", "x86_64_v3", 1, 3, THIRD, 1),
        (WEEK_1, "ubuntu22.04", "x86_64_v3", 1, 3, THIRD, 3),
        (WEEK_1, "ubuntu22.04", "zen4", 1, 3, THIRD, 1),
        (WEEK_2, "ubuntu22.04", "x86_64_v3", 1, 1, 100.0, 1),
    ],
    "coverage_compiler_os_target": [
        (WEEK_1, GCC, "rhel8", "x86_64_v3", 1, 3, THIRD, 1),
        (WEEK_1, GCC, "ubuntu22.04", "x86_64_v3", 1, 3, THIRD, 2),
        (WEEK_1, GCC, "ubuntu22.04", "zen4", 1, 3, THIRD, 1),
        (WEEK_1, "none", "ubuntu22.04", "x86_64_v3", 1, 3, THIRD, 1),
        (WEEK_2, GCC, "ubuntu22.04", "x86_64_v3", 1, 1, 100.0, 1),
    ],
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_coverage_matrices_count_packages_against_the_snapshot(matrix: str) -> None:
    """Packages and specs are counted once; the share is of the snapshot's packages."""
    rows = ask(open_views(SPECS), f"from {matrix}")
    assert rows == MATRICES[matrix]


def test_stack_coverage_counts_what_no_other_stack_has() -> None:
    """Root does not count: what a stack shares only with root is its own."""
    specs = [
        Spec("a", stacks=("e4s", "root")),
        Spec("b", stacks=("e4s", "hep", "root")),
        Spec("c", stacks=("hep",), os="rhel8"),
        # For a stack, two platforms with the same os and target are one cell.
        Spec("d", stacks=("hep",), os="rhel8", platform="cray"),
        Spec("e", stacks=("radiuss",), package="adiak", target="zen4"),
        Spec("f", stacks=("root",), target="zen4"),
        Spec("g", stacks=(), target="zen4"),
    ]
    rows = ask(open_views(specs), "from stack_coverage")
    assert rows == [
        (WEEK_1, "e4s", 1, 2, 1, 0),
        (WEEK_1, "hep", 1, 3, 2, 1),
        (WEEK_1, "radiuss", 1, 1, 1, 1),
    ]


def test_stack_overlap_compares_each_pair_of_stacks_once() -> None:
    """Stacks may share packages but no specs; pairs that share nothing are included."""
    specs = [
        Spec("a", stacks=("hep", "e4s", "root")),
        Spec("b", stacks=("e4s",)),
        Spec("c", stacks=("radiuss",)),
        Spec("a", package="adiak", stacks=("hep",)),
        Spec("a", package="blt", stacks=("tutorial", "root")),
        Spec("a", tag=WEEK_2, stacks=("e4s", "root")),
    ]
    rows = ask(
        open_views(specs),
        """
        select
            stack_a,
            stack_b,
            shared_spec_count,
            joint_spec_count,
            spec_jaccard,
            shared_package_count,
            joint_package_count,
            package_jaccard
        from stack_overlap
        where tag = ?
        """,
        [WEEK_1],
    )
    assert rows == [
        ("e4s", "hep", 1, 3, 1 / 3, 1, 2, 1 / 2),
        ("e4s", "radiuss", 0, 3, 0.0, 1, 1, 1.0),
        ("e4s", "tutorial", 0, 3, 0.0, 0, 2, 0.0),
        ("hep", "radiuss", 0, 3, 0.0, 1, 2, 1 / 2),
        ("hep", "tutorial", 0, 3, 0.0, 0, 3, 0.0),
        ("radiuss", "tutorial", 0, 2, 0.0, 0, 2, 0.0),
    ]
    assert ask(open_views(specs), "from stack_overlap where tag = ?", [WEEK_2]) == []


def test_gaps_are_environments_that_a_package_lacks() -> None:
    """A package in one environment lacks all others; other snapshots don't count."""
    specs = [
        Spec("a", package="adiak"),
        Spec("b", package="adiak", os="rhel8"),
        Spec("a", package="blt", target="zen4"),
        Spec("a", package="blt", tag=WEEK_2),
    ]
    rows = ask(open_views(specs), "from gaps")
    none = (None, None, None)
    same_os = ("ubuntu22.04", "x86_64_v3", "same os")
    assert rows == [
        (WEEK_1, "adiak", *LINUX, "zen4", 2, 3, 200 / 3, "x86_64_v3", *same_os),
        (WEEK_1, "blt", "linux", "rhel8", "x86_64_v3", 1, 3, 100 / 3, None, *none),
        (WEEK_1, "blt", *LINUX, "x86_64_v3", 1, 3, 100 / 3, None, *none),
    ]


def test_gaps_name_the_binary_that_an_older_libc_lets_run() -> None:
    """Its own os comes first, then another with a glibc that is not newer."""
    specs = [
        Spec("a", package="blt", os="ubuntu24.04", target="zen4"),
        Spec("b", os="rhel8", target="x86_64_v3"),
        Spec("c", os="ubuntu22.04", target="x86_64"),
        Spec("d", package="new", os="fedora43"),
    ]
    rows = ask(
        open_views(specs),
        "select package, os, usable_target, reusable_os, reusable_target, os_match from gaps "
        "where os in ('ubuntu24.04', 'rhel8') and package <> 'blt'",
    )
    assert rows == [
        ("new", "rhel8", None, None, None, None),
        ("new", "ubuntu24.04", None, None, None, None),
        ("zlib", "ubuntu24.04", None, "rhel8", "x86_64_v3", "older libc"),
    ]


def test_gaps_name_the_nearest_binary_that_runs_there() -> None:
    """The nearest by ancestry, ties by name; of the same os only."""
    specs = [
        # The environment to lack: that of another package.
        Spec("a", package="blt", target="zen4"),
        Spec("a", target="x86_64"),
        Spec("b", target="x86_64_v3", platform="cray"),
        Spec("c", target="x86_64_v4", os="rhel8"),
        Spec("e", package="twins", target="twin_b"),
        Spec("f", package="twins", target="twin_a"),
    ]
    runs_on_zen4 = {
        "zen4": 0,
        "x86_64_v4": 1,
        "twin_b": 1,
        "twin_a": 1,
        "x86_64_v3": 2,
        "x86_64": 3,
    }
    targets = [("zen4", binary, "x86_64", distance) for binary, distance in runs_on_zen4.items()]
    rows = ask(
        open_views(specs, targets=targets),
        "select package, usable_target from gaps where target = 'zen4'",
    )
    assert rows == [("twins", "twin_a"), ("zlib", "x86_64_v3")]


def test_gaps_take_the_binary_of_another_platform() -> None:
    """As in usable_on, the same os and target on another platform counts."""
    specs = [Spec("a", package="blt", platform="cray"), Spec("a")]
    rows = ask(open_views(specs), "select package, platform, usable_target from gaps")
    assert rows == [("blt", "linux", "x86_64_v3"), ("zlib", "cray", "x86_64_v3")]


def test_gaps_on_a_target_that_archspec_lacks_have_no_usable_binary() -> None:
    """Only its own binaries are known to run on it."""
    specs = [Spec("a", package="blt", target="graviton2"), Spec("a", target="aarch64")]
    rows = ask(open_views(specs), "select package, target, usable_target from gaps")
    assert rows == [("blt", "aarch64", None), ("zlib", "graviton2", None)]


def test_newest_versions_follow_spacks_order() -> None:
    """1.10 is newer than 1.9 and 1.10rc1; environments with an older one lag."""
    specs = [
        Spec("a", version="1.9"),
        Spec("b", version="1.10rc1"),
        Spec("c", version="1.9", os="rhel8"),
        Spec("d", version="1.10", target="zen4"),
        Spec("e", version="1.010", os="rhel9"),
        Spec("f", version="2.0", tag=WEEK_2),
    ]
    rows = ask(open_views(specs), "from newest_versions where tag = ?", [WEEK_1])
    assert rows == [
        (WEEK_1, "zlib", "linux", "rhel8", "x86_64_v3", "1.10", "1.9", True),
        # Equal to Spack, so not older.
        (WEEK_1, "zlib", "linux", "rhel9", "x86_64_v3", "1.10", "1.010", False),
        (WEEK_1, "zlib", *LINUX, "x86_64_v3", "1.10", "1.10rc1", True),
        (WEEK_1, "zlib", *LINUX, "zen4", "1.10", "1.10", False),
    ]


def test_a_compilers_runtime_does_not_lag() -> None:
    """Its version is that of its compiler, so an older one is not outdated."""
    specs = [
        Spec("a", package="gcc-runtime", version="11.4.0", compiler="gcc@11.4.0"),
        Spec("b", package="gcc-runtime", version="13.2.0", compiler="gcc@13.2.0", target="zen4"),
        Spec("c", version="11.4.0", compiler="gcc@11.4.0"),
        Spec("d", version="13.2.0", compiler="gcc@11.4.0", target="zen4"),
    ]
    rows = ask(open_views(specs), "select package, target, is_lagging from newest_versions")
    assert rows == [
        ("gcc-runtime", "x86_64_v3", False),
        ("gcc-runtime", "zen4", False),
        ("zlib", "x86_64_v3", True),
        ("zlib", "zen4", False),
    ]


# The summary of a page with only `Spec("a")`.
TRUE_SUMMARY: dict[str, Any] = {
    "spec_count": 1,
    "stack_counts": [{"stack": "e4s", "spec_count": 1}, {"stack": "root", "spec_count": 1}],
    "compilers": ["gcc@11.4.0"],
    "oss": ["ubuntu22.04"],
    "platforms": ["linux"],
    "stacks": ["root", "e4s"],
    "targets": ["x86_64_v3"],
    "versions": ["1.2"],
}


@pytest.mark.parametrize(
    ("declared", "differences"),
    [
        ({}, []),
        (dict.fromkeys(TRUE_SUMMARY), []),
        ({"spec_count": 2}, [("num_specs", None, 2, 1)]),
        ({"spec_count": 0}, [("num_specs", None, 0, 1)]),
        (
            {
                "stack_counts": [
                    {"stack": "e4s", "spec_count": 3},
                    {"stack": "hep", "spec_count": 0},
                ]
            },
            [("num_specs_by_stack", "e4s", 3, 1), ("num_specs_by_stack", "root", 0, 1)],
        ),
        ({"compilers": []}, [("compilers", "gcc@11.4.0", 0, 1)]),
        ({"oss": ["rhel8", "ubuntu22.04"]}, [("oss", "rhel8", 1, 0)]),
        ({"platforms": ["cray"]}, [("platforms", "cray", 1, 0), ("platforms", "linux", 0, 1)]),
        ({"stacks": ["root", "root"]}, [("stacks", "e4s", 0, 1)]),
        ({"stacks": ["root", "e4s", "root"], "oss": ["ubuntu22.04", "ubuntu22.04"]}, []),
        (
            {"stacks": ["zen", "root", "hep", "zen"]},
            [("stacks", "e4s", 0, 1), ("stacks", "hep", 1, 0), ("stacks", "zen", 1, 0)],
        ),
        ({"targets": ["x86_64_v3", "zen4"]}, [("targets", "zen4", 1, 0)]),
        ({"versions": ["1.20"]}, [("versions", "1.2", 0, 1), ("versions", "1.20", 1, 0)]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_reconciliation_tells_where_summary_and_specs_differ(
    declared: dict[str, Any], differences: list[Row]
) -> None:
    """One row per difference; a key that the summary lacks is not one."""
    connection = open_views([Spec("a")], [page(**(TRUE_SUMMARY | declared)) | {"spec_count": 1}])
    rows = ask(connection, "from reconciliation")
    assert rows == [(WEEK_1, "zlib", *difference) for difference in differences]


def test_reconciliation_of_a_page_whose_specs_were_all_refused() -> None:
    """Everything that it declares is not found."""
    pages = [page(spec_count=1, stack_counts=[], targets=["zen4"])]
    rows = ask(open_views([], pages), "select fact, item, declared, found from reconciliation")
    assert rows == [("num_specs", None, 1, 0), ("targets", "zen4", 1, 0)]


def test_cell_presence_compares_the_specs_of_each_cell() -> None:
    """Versions are compared as sets; one common hash is enough."""
    specs = [
        Spec("a", tag=WEEK_1),
        Spec("b", tag=WEEK_1, version="1.3"),
        Spec("b", tag=WEEK_2, version="1.3"),
        Spec("c", tag=WEEK_2, version="1.2"),
        Spec("d", tag=WEEK_2, version="1.2", stacks=("hep",)),
        Spec("e", tag=WEEK_1, target="zen4", stacks=("root",)),
    ]
    rows = ask(
        open_views(specs),
        """
        select
            target,
            previous_spec_count,
            spec_count,
            has_same_versions,
            has_common_hash,
            has_stack,
            has_lasting_stack
        from steps.cell_presence([{tag: ?, previous_tag: ?}])
        """,
        [WEEK_2, WEEK_1],
    )
    assert rows == [
        ("x86_64_v3", 2, 3, True, True, True, True),
        ("zen4", 1, 0, False, False, False, False),
    ]


def test_snapshot_hosts_run_what_archspec_says() -> None:
    """Every host of the snapshot's families is listed per os, with what runs on it."""
    specs = [
        Spec("a", target="x86_64_v3"),
        Spec("b", target="x86_64"),
        Spec("c", target="aarch64", os="rhel8"),
        Spec("d", target="graviton2", os="rhel8"),
    ]
    rows = ask(
        open_views(specs),
        "select os, host_target, compatible_environments, reusable_environments "
        "from steps.snapshot_hosts where os in ('debian11', 'rhel8', 'ubuntu22.04')",
    )
    # Of rhel8 1 is aarch64 and 2 graviton2; of ubuntu22.04 3 is x86_64 and 4 x86_64_v3.
    newer = ("x86_64_v3", "x86_64_v4", "zen4")
    assert rows == [
        *(("debian11", host, [], [1]) for host in ("aarch64", "neoverse_v1")),
        *(("debian11", host, [], []) for host in ("x86_64", *newer)),
        *(("rhel8", host, [1], [1]) for host in ("aarch64", "neoverse_v1")),
        *(("rhel8", host, [], []) for host in ("x86_64", *newer)),
        *(("ubuntu22.04", host, [], [1]) for host in ("aarch64", "neoverse_v1")),
        ("ubuntu22.04", "x86_64", [3], [3]),
        *(("ubuntu22.04", host, [3, 4], [3, 4]) for host in newer),
    ]


def test_duplicate_packages_are_ranked_by_surplus_specs() -> None:
    """Of each repeated build, all specs but one are surplus."""
    specs = [
        *(Spec(letter) for letter in "abc"),
        *(Spec(letter, version="1.3") for letter in "de"),
        *(Spec(letter, package="adiak") for letter in "ab"),
        Spec("a", package="single"),
    ]
    assert ask(open_views(specs), "from duplicate_packages") == [
        (WEEK_1, 1, "zlib", 2, 5, 3, 0, 0, 3, []),
        (WEEK_1, 2, "adiak", 1, 2, 1, 0, 0, 1, []),
    ]


def test_lifetime_counts_how_many_stay_how_long() -> None:
    """Each spec whose lifetime is not cut off by the first or last week counts once."""
    weeks = [f"develop-2025-01-{day:02}" for day in (5, 12, 19, 26)]
    lives = {"whole": weeks, "b": weeks[1:3], "c": weeks[1:2], "d": weeks[2:3], "cut": weeks[2:]}
    specs = [Spec(name, tag=tag) for name, tags in lives.items() for tag in tags]
    assert ask(open_views(specs), "from lifetime_counts") == [(1, 2), (2, 1)]


def test_reconciliation_does_not_blame_a_page_for_what_was_refused() -> None:
    """With rejected entries, the summary may exceed the accepted specs by their number."""
    refused = {"spec_count": 1, "rejected_count": 1}
    right = page(spec_count=2, targets=["x86_64_v3", "zen4"]) | refused
    wrong = page(spec_count=3, targets=["zen4"]) | refused
    query = "select fact, item, declared, found from reconciliation"

    assert ask(open_views([Spec("a")], [right]), query) == []
    assert ask(open_views([Spec("a")], [wrong]), query) == [
        ("num_specs", None, 3, 2),
        ("targets", "x86_64_v3", 0, 1),
    ]


def test_stack_overlap_is_of_the_largest_hundred_stacks() -> None:
    """A page that names thousands does not lead to quadratic cost."""
    specs = [
        Spec("a", stacks=tuple(f"s{number:03}" for number in range(150))),
        Spec("b", package="blt", stacks=("s149",)),
    ]
    rows = ask(open_views(specs), "select stack_a, stack_b from stack_overlap")

    assert len(rows) == 100 * 99 / 2
    assert ("s000", "s149") in rows
    assert ("s000", "s120") not in rows
