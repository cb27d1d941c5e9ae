"""What specs need, what mirrors lack of it, and who needs whom: exact rows from a few specs.

hdf5 needs mpich, and that xz and the host's glibc; cmake merely builds it. Each spec's hash is its
package's name.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest

from tests.rows import WEEK_1, WEEK_2, Spec, ask, needs, open_views

DEPENDENCIES = (
    needs("hdf5", "cmake", ["build"]),
    needs("hdf5", "mpich", ["build", "link"]),
    needs("mpich", "xz", ["run"]),
    needs("mpich", "glibc", version="2.36", path="/usr"),
    needs("cmake", "curl"),
)


def spec(package: str, stacks: Sequence[str] = ("e4s", "root"), *, tag: str = WEEK_1) -> Spec:
    """Return a spec whose hash is its package's name."""
    return Spec(package, package, tag, stacks)


ALL = tuple(spec(name) for name in ("hdf5", "mpich", "xz", "cmake", "curl"))


@pytest.fixture
def whole() -> duckdb.DuckDBPyConnection:
    """Return a snapshot whose one stack has everything, beside one read from pages."""
    return open_views([*ALL, spec("hdf5", tag=WEEK_2)], dependencies=DEPENDENCIES)


def test_needs_are_what_a_spec_links_to_or_runs(whole: duckdb.DuckDBPyConnection) -> None:
    """Dependencies that only build it are not included."""
    assert ask(whole, "select hash, dependency_hash, is_external from steps.needs") == [
        ("cmake", "curl", False),
        ("hdf5", "mpich", False),
        ("mpich", "glibc", True),
        ("mpich", "xz", False),
    ]


def test_closures_are_transitive(whole: duckdb.DuckDBPyConnection) -> None:
    """Each spec with all its dependencies, direct or not."""
    assert ask(whole, "select hash, dependency_name from steps.closures") == [
        ("cmake", "curl"),
        ("hdf5", "glibc"),
        ("hdf5", "mpich"),
        ("hdf5", "xz"),
        ("mpich", "glibc"),
        ("mpich", "xz"),
    ]


def test_closure_is_that_of_one_spec(whole: duckdb.DuckDBPyConnection) -> None:
    """As the index records it; external glibc has a version and path, but no stack."""
    assert ask(whole, "select * from closure($1, $2)", [WEEK_1, "hdf5"]) == [
        (WEEK_1, "hdf5", "glibc", "glibc", True, "2.36", [], False, "/usr"),
        (WEEK_1, "hdf5", "mpich", "mpich", False, "1.2", ["e4s"], True, None),
        (WEEK_1, "hdf5", "xz", "xz", False, "1.2", ["e4s"], True, None),
    ]
    assert ask(whole, "select * from closure($1, $2)", [WEEK_2, "hdf5"]) == []


def test_closure_ends_where_specs_need_each_other() -> None:
    """No index has such a cycle, but none may hang a query."""
    connection = open_views([spec("a"), spec("b")], dependencies=[needs("a", "b"), needs("b", "a")])

    found = ask(connection, "select dependency_name from closure($1, $2)", [WEEK_1, "a"])

    assert found == [("a",), ("b",)]


def test_closure_holes_are_what_the_mirror_of_a_stack_lacks() -> None:
    """For each mirror that lists a spec separately: what another has does not count."""
    connection = open_views(
        [
            spec("hdf5", ["e4s", "radiuss", "root"]),
            spec("mpich", ["e4s", "root"]),
            spec("xz", ["radiuss", "root"]),
        ],
        dependencies=DEPENDENCIES,
    )

    assert ask(connection, "select * from closure_holes") == [
        (WEEK_1, "hdf5", "hdf5", "e4s", "xz", "xz"),
        (WEEK_1, "hdf5", "hdf5", "radiuss", "mpich", "mpich"),
        (WEEK_1, "mpich", "mpich", "e4s", "xz", "xz"),
    ]


def test_closure_holes_of_a_mirror_without_a_stack() -> None:
    """A private mirror counts as a mirror."""
    connection = open_views([spec("hdf5", []), spec("mpich", [])], dependencies=DEPENDENCIES)

    assert ask(connection, "select package, stack, missing_name from closure_holes") == [
        ("hdf5", None, "xz"),
        ("mpich", None, "xz"),
    ]


def test_installable_coverage_counts_specs_with_all_that_they_need() -> None:
    """One mirror with everything is enough; specs known from pages only are counted apart."""
    connection = open_views(
        [
            spec("hdf5", ["e4s"]),
            spec("mpich", ["e4s", "radiuss"]),
            Spec("xz", "xz", stacks=["radiuss"], namespace="builtin"),
            spec("paged", ["e4s"]),
            spec("hdf5", tag=WEEK_2),
        ],
        dependencies=DEPENDENCIES,
    )

    assert ask(connection, "select * from installable_coverage") == [
        (WEEK_1, "ubuntu22.04", "x86_64_v3", 2, 4, 50.0, 2, 1)
    ]


def test_dependents_are_other_packages(whole: duckdb.DuckDBPyConnection) -> None:
    """Counted by name, direct and in all; for pages, unknown."""
    assert ask(whole, "select * from dependents") == [
        (WEEK_1, "cmake", 0, 0),
        (WEEK_1, "curl", 1, 1),
        (WEEK_1, "hdf5", 0, 0),
        (WEEK_1, "mpich", 1, 1),
        (WEEK_1, "xz", 1, 2),
    ]


def test_dependents_are_counted_once_and_never_themselves() -> None:
    """However many specs depend on one; another version of itself does not count."""
    connection = open_views(
        [spec("xz"), Spec("hdf5/1", "hdf5"), Spec("hdf5/2", "hdf5"), Spec("xz/old", "xz")],
        dependencies=[needs("hdf5/1", "xz"), needs("hdf5/2", "xz"), needs("xz/old", "xz")],
    )

    assert ask(connection, "select package, dependent_count from dependents") == [
        ("hdf5", 0),
        ("xz", 1),
    ]


def test_gap_priority_has_what_unlocks_most_first() -> None:
    """A gap unlocks gaps in its environment of packages all of whose specs depend on it."""
    zen = [
        # Everything on zen4; the others have nothing there.
        Spec("fmt-zen", "fmt", target="zen4"),
        # hdf5 is on x86_64_v4 without mpich, so that one needs it less there.
        Spec("hdf5-serial", "hdf5", target="x86_64_v4"),
    ]
    connection = open_views([*ALL, spec("fmt"), *zen], dependencies=DEPENDENCIES)

    rows = connection.execute(
        "select rank, package, unlocked_package_count, unlocked_cell_count, dependent_count, "
        "covered_count from gap_priority order by rank, package"
    ).fetchall()

    # xz unlocks mpich on both targets, curl cmake; hdf5 has a spec without either.
    assert rows == [
        (1, "curl", 1, 2, 1, 1),
        (1, "xz", 1, 2, 2, 1),
        (3, "fmt", 0, 0, 0, 2),
        (3, "hdf5", 0, 0, 0, 2),
        (5, "cmake", 0, 0, 0, 1),
        (5, "mpich", 0, 0, 1, 1),
    ]


def test_duplicate_builds_name_the_dependency_that_differs() -> None:
    """Link and run dependencies are told apart from those that only build."""
    specs = [
        *(Spec(f"hdf5/{n}", "hdf5", namespace="builtin") for n in (1, 2)),
        *(Spec(f"xz/{n}", "xz", namespace="builtin") for n in (1, 2)),
        *(Spec(f"fmt/{n}", "fmt", namespace="builtin") for n in (1, 2)),
    ]
    dependencies = [
        needs("hdf5/1", "mpich/a"),
        needs("hdf5/2", "mpich/b"),
        *(needs(f"hdf5/{n}", f"cmake/{n}", ["build"]) for n in (1, 2)),
        *(needs(f"xz/{n}", f"cmake/{n}", ["build"]) for n in (1, 2)),
        *(needs(f"fmt/{n}", "zlib") for n in (1, 2)),
    ]
    connection = open_views(specs, dependencies=dependencies)

    rows = ask(
        connection, "select package, differs_in, differing_dependencies from duplicate_builds"
    )
    assert rows == [
        ("fmt", "unknown", []),
        ("hdf5", "dependency", ["cmake", "mpich"]),
        ("xz", "build dependency only", ["cmake"]),
    ]
    assert ask(connection, "select columns(* exclude (tag, rank)) from duplicate_packages") == [
        ("fmt", 1, 2, 1, 0, 0, 1, []),
        ("hdf5", 1, 2, 1, 1, 0, 0, ["cmake", "mpich"]),
        ("xz", 1, 2, 1, 0, 1, 0, ["cmake"]),
    ]


def test_gap_priority_leaves_out_inapplicable_cells() -> None:
    """A package of one platform is not missing on another, nor a runtime on a foreign family."""
    specs = [
        Spec("a"),
        Spec("b", target="aarch64"),
        Spec("c", target="aarch64", os="rhel8"),
        Spec("d", package="intel-oneapi-runtime"),
        Spec("e", package="gcc-runtime"),
        Spec("f", package="gcc-runtime", target="aarch64", os="rhel8", tag=WEEK_2),
        Spec("g", package="both", platform="darwin", os="sonoma", target="aarch64"),
        # Another snapshot shows that it is meant for Linux, too.
        Spec("h", package="both", tag=WEEK_2),
        Spec("i", package="mac", platform="darwin", os="sonoma", target="aarch64"),
    ]
    rows = ask(
        open_views(specs),
        f"select package, rank, missing, unmeant_count from gap_priority where tag = '{WEEK_1}'",
    )
    arm, old = "linux-ubuntu22.04-aarch64", "linux-rhel8-aarch64"
    x86 = "linux-ubuntu22.04-x86_64_v3"

    assert rows == [
        ("both", 1, [old, arm, x86], 0),
        ("gcc-runtime", 1, [old, arm], 1),
        ("intel-oneapi-runtime", None, [], 3),
        ("mac", None, [], 3),
        ("zlib", None, [], 1),
    ]


def test_a_closure_is_computed_of_one_spec_alone() -> None:
    """A chain of six thousand takes a moment; quotes in a name are text."""
    chain = [needs(f"h{n}", f"h{n + 1}") for n in range(6000)]
    connection = open_views([], dependencies=chain)

    assert ask(connection, f"select count(*) from closure('{WEEK_1}', 'h0')") == [(6000,)]
    assert ask(connection, "select count(*) from closure(?, ?)", [WEEK_1, "h5990"]) == [(10,)]
    assert ask(connection, "from closure($$' or true --$$, $$'; drop table pages$$)") == []
    assert ask(connection, "from closure(null, null)") == []
