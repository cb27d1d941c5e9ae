"""The views and macros of sql/changes: what changed between two snapshots, and why."""

from __future__ import annotations

import pytest

from pipeline.schemas import REJECTS
from tests.rows import WEEK_1, WEEK_2, WEEK_3, Row, Spec, ask, open_views, page

# Keeps the package, environment and stack in both snapshots, so that only one cell changes.
FRAME = [
    Spec(name, tag=tag, package="frame", os=os, stacks=(stack,))
    for tag in (WEEK_1, WEEK_2)
    for name, os, stack in (("a", "ubuntu22.04", "e4s"), ("b", "rhel8", "hep"))
]
KEEPER = [Spec("k", tag=tag, os="rhel8", stacks=("hep",)) for tag in (WEEK_1, WEEK_2)]
CELL = ("linux", "ubuntu22.04", "x86_64_v3")
CHANGES = """
    select platform, os, target, change, cause, previous_spec_count, spec_count
    from snapshot_changes
    where tag = ? and package = 'zlib'
"""


def changes_of(before: list[Spec], after: list[Spec]) -> list[Row]:
    """Return zlib's changes from `before` to `after`, with an unchanging package beside it."""
    return ask(open_views([*FRAME, *before, *after]), CHANGES, [WEEK_2])


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        pytest.param([("a", "1.2")], [("a", "1.2")], None, id="nothing"),
        pytest.param([("a", "1.2")], [("a", "1.2"), ("b", "1.2")], None, id="one-more-hash"),
        pytest.param([("a", "1.2")], [("b", "1.2")], "rebuilt", id="other-hash"),
        pytest.param([("a", "1.2")], [("b", "1.3")], "upgraded", id="other-version"),
        pytest.param(
            [("a", "1.2")], [("a", "1.2"), ("b", "1.3")], "upgraded", id="one-more-version"
        ),
        pytest.param([("a", "1.3")], [("b", "1.2")], "downgraded", id="lower-version"),
        pytest.param(
            [("a", "1.1"), ("b", "1.3")], [("b", "1.3")], "versions changed", id="lost-older"
        ),
        pytest.param([("a", "1.2"), ("b", "1.3")], [("a", "1.2")], "downgraded", id="lost-newest"),
        # Equal to Spack, though written differently.
        pytest.param([("a", "1.1")], [("b", "1.01")], "versions changed", id="same-to-spack"),
        pytest.param([("a", "1.9")], [("b", "1.10")], "upgraded", id="by-numbers"),
        pytest.param(
            [("a", "1.2"), ("b", "1.3")], [("c", "1.3"), ("d", "1.2")], "rebuilt", id="same-set"
        ),
    ],
)
def test_snapshot_changes_of_a_cell_that_stays(
    before: list[tuple[str, str]], after: list[tuple[str, str]], change: str | None
) -> None:
    """The newest version decides; equal versions without a common hash are a rebuild."""
    rows = changes_of(
        [Spec(name, tag=WEEK_1, version=version) for name, version in before],
        [Spec(name, tag=WEEK_2, version=version) for name, version in after],
    )
    expected = [(*CELL, change, None, len(before), len(after))] if change else []
    assert rows == expected


GONE = Spec("a", tag=WEEK_1)


@pytest.mark.parametrize(
    ("lost", "others", "cause"),
    [
        pytest.param(GONE, [], "package", id="package"),
        pytest.param(
            Spec("a", tag=WEEK_1, os="centos7", stacks=("old",)), [], "package", id="package-first"
        ),
        pytest.param(
            Spec("a", tag=WEEK_1, os="centos7", stacks=("old",)),
            KEEPER,
            "environment",
            id="then-os",
        ),
        pytest.param(
            Spec("a", tag=WEEK_1, target="zen4"), KEEPER, "environment", id="environment-by-target"
        ),
        pytest.param(
            Spec("a", tag=WEEK_1, stacks=("old", "older", "root")), KEEPER, "stack", id="stack"
        ),
        pytest.param(
            Spec("a", tag=WEEK_1, stacks=("old", "hep")), KEEPER, "cell", id="one-stack-is-left"
        ),
        pytest.param(Spec("a", tag=WEEK_1), KEEPER, "cell", id="cell"),
        pytest.param(Spec("a", tag=WEEK_1, stacks=("root",)), KEEPER, "cell", id="root-alone"),
        pytest.param(Spec("a", tag=WEEK_1, stacks=()), KEEPER, "cell", id="no-stack"),
    ],
)
def test_causes_of_loss_and_their_mirror_image(lost: Spec, others: list[Spec], cause: str) -> None:
    """The first that holds of package, environment, stack and cell; for gains likewise."""
    cell = (lost.platform, lost.os, lost.target)
    assert changes_of([lost], others) == [(*cell, "lost", f"{cause} dropped", 1, 0)]
    swapped = {WEEK_1: WEEK_2, WEEK_2: WEEK_1}
    specs = [Spec(**(vars(spec) | {"tag": swapped[spec.tag]})) for spec in [*FRAME, lost, *others]]
    rows = ask(open_views(specs), CHANGES, [WEEK_2])
    assert rows == [(*cell, "gained", f"{cause} added", 0, 1)]


def test_a_stack_is_dropped_only_if_every_stack_of_the_cell_is() -> None:
    """If one spec of a lost cell is from a stack that still exists, no stack was dropped."""
    before = [
        Spec("a", tag=WEEK_1, stacks=("old",)),
        Spec("b", tag=WEEK_1, stacks=("hep",)),
        *KEEPER[:1],
    ]
    assert changes_of(before, KEEPER[1:]) == [(*CELL, "lost", "cell dropped", 2, 0)]


def test_snapshot_changes_follow_each_kind_by_itself() -> None:
    """Weekly follows weekly, release follows release; the first of a kind has no changes."""
    specs = [
        Spec("a", tag=WEEK_1),
        Spec("b", tag=WEEK_3),
        Spec("c", tag="v0.9.0"),
        Spec("d", tag="v0.10.0", version="1.3"),
        Spec("e", tag="develop"),
        Spec("f", tag="nightly"),
    ]
    rows = ask(open_views(specs), "select columns(* exclude changed_stacks) from snapshot_changes")
    cell = ("zlib", *CELL)
    assert rows == [
        (WEEK_3, WEEK_1, *cell, "rebuilt", None, 1, 1),
        ("v0.10.0", "v0.9.0", *cell, "upgraded", None, 1, 1),
    ]


def test_snapshot_changes_of_one_snapshot_are_none() -> None:
    """The only tag of a kind has no previous one."""
    assert (
        ask(
            open_views([Spec("a")]),
            "select columns(* exclude changed_stacks) from snapshot_changes",
        )
        == []
    )


def test_snapshot_changes_after_a_snapshot_of_which_no_spec_was_taken() -> None:
    """An empty snapshot lost everything, and everything in the next is gained."""
    specs = [Spec("a", tag=WEEK_1), Spec("a", tag=WEEK_3)]
    rows = ask(
        open_views(specs, [page(tag=WEEK_2)]),
        "select tag, previous_tag, change, cause from snapshot_changes",
    )
    assert rows == [
        (WEEK_2, WEEK_1, "lost", "package dropped"),
        (WEEK_3, WEEK_2, "gained", "package added"),
    ]


def test_compare_snapshots_takes_any_two_tags_either_way() -> None:
    """Tags of different kinds, not adjacent, or backwards in time."""
    specs = [Spec("a", tag=WEEK_1), Spec("b", tag=WEEK_2), Spec("c", tag="v0.9.0", version="1.3")]
    connection = open_views(specs)
    there = ask(
        connection,
        "select columns(* exclude changed_stacks) from compare_snapshots(?, ?)",
        [WEEK_2, "v0.9.0"],
    )
    back = ask(
        connection,
        "select columns(* exclude changed_stacks) "
        "from compare_snapshots(from_tag := ?, to_tag := ?)",
        ["v0.9.0", WEEK_2],
    )
    assert there == [("v0.9.0", WEEK_2, "zlib", *CELL, "upgraded", None, 1, 1)]
    assert back == [(WEEK_2, "v0.9.0", "zlib", *CELL, "downgraded", None, 1, 1)]
    assert (
        ask(
            connection,
            "select columns(* exclude changed_stacks) from compare_snapshots(?, ?)",
            [WEEK_1, WEEK_1],
        )
        == []
    )


def test_compare_snapshots_agrees_with_snapshot_changes() -> None:
    """For consecutive snapshots, both have the same rows and columns."""
    connection = open_views([*FRAME, *KEEPER[:1], GONE, Spec("n", tag=WEEK_2, package="new")])
    assert ask(connection, "from snapshot_changes where tag = ?", [WEEK_2]) == ask(
        connection, "from compare_snapshots(?, ?)", [WEEK_1, WEEK_2]
    )


def test_cell_changes_takes_many_pairs_at_once() -> None:
    """Pairs are compared independently, even if they share a snapshot."""
    specs = [Spec("a", tag=WEEK_1), Spec("b", tag=WEEK_2), Spec("b", tag=WEEK_3, version="1.3")]
    rows = ask(
        open_views(specs),
        """
        select tag, previous_tag, change
        from steps.cell_changes([{tag: ?, previous_tag: ?}, {tag: ?, previous_tag: ?}])
        """,
        [WEEK_2, WEEK_1, WEEK_3, WEEK_1],
    )
    assert rows == [(WEEK_2, WEEK_1, "rebuilt"), (WEEK_3, WEEK_1, "upgraded")]


def refused(tag: str, package: str | None) -> dict[str, object]:
    """Return a reject of a whole page or, without a package, of an index."""
    row: dict[str, object] = dict.fromkeys(REJECTS.schema)
    return row | {
        "page": f"{tag}/{package}",
        "tag": tag,
        "package": package,
        "line": 1,
        "code": "bad-yaml",
        "message": "?",
    }


@pytest.mark.parametrize("package", ["gone", None])
def test_what_could_not_be_read_is_neither_lost_nor_gained(package: str | None) -> None:
    """A rejected page makes its package uncertain; a rejected index, every package."""
    specs = [
        Spec("a", tag=WEEK_1),
        Spec("a", tag=WEEK_1, package="gone"),
        Spec("a", tag=WEEK_2),
        Spec("a", tag=WEEK_3),
        Spec("a", tag=WEEK_3, package="gone"),
    ]
    connection = open_views(specs, rejects=[refused(WEEK_2, package)])

    rows = ask(connection, "select tag, package, change, cause from snapshot_changes")

    assert rows == [
        (WEEK_2, "gone", "lost", "unreadable"),
        (WEEK_3, "gone", "gained", "unreadable"),
    ]


@pytest.mark.parametrize(
    ("package", "changes"),
    [
        ("gone", [("lost", "package", "lost"), ("lost", "stack", "old")]),
        (None, [("unreadable", "package", "lost"), ("unreadable", "stack", "old")]),
        # An index that names its stack says nothing of another.
        ("of e4s", [("unreadable", "package", "lost"), ("lost", "stack", "old")]),
    ],
)
def test_membership_says_what_is_unreadable(
    package: str | None, changes: list[tuple[str, str, str]]
) -> None:
    """A refused page makes its package unreadable, a refused index whatever it may list."""
    specs = [
        Spec("a", tag=WEEK_1),
        Spec("a", tag=WEEK_1, package="gone"),
        Spec("a", tag=WEEK_1, package="lost", stacks=("old",)),
        Spec("a", tag=WEEK_2),
    ]
    reject = refused(WEEK_2, package)
    if package == "of e4s":
        reject |= {"package": None, "stack": "e4s"}
    connection = open_views(specs, rejects=[reject])

    rows = ask(connection, "select change, member_kind, member from snapshot_membership")

    assert rows == sorted([*changes, ("unreadable", "package", "gone")])


def test_a_member_of_which_every_page_was_refused_is_unreadable() -> None:
    """A stack that had another package, which can be read, is lost all the same."""
    specs = [
        Spec("a", tag=WEEK_1),
        Spec("b", tag=WEEK_1, package="gone", target="zen4", stacks=("own", "both")),
        Spec("c", tag=WEEK_1, stacks=("both",)),
        Spec("a", tag=WEEK_2),
    ]
    connection = open_views(specs, rejects=[refused(WEEK_2, "gone"), refused(WEEK_2, "other")])

    rows = ask(
        connection,
        "select change, member_kind, member, package_count, spec_count from snapshot_membership",
    )

    assert rows == [
        ("lost", "stack", "both", 2, 2),
        ("unreadable", "environment", "linux-ubuntu22.04-zen4", 1, 1),
        ("unreadable", "package", "gone", 1, 1),
        ("unreadable", "stack", "own", 1, 1),
    ]


@pytest.mark.parametrize(
    ("package", "unreadable"),
    # A page names its package, whether or not it was there before; an index is taken to have held
    # what the snapshot before it had.
    [("gone", 1), ("new", 1), ("zlib", 0), (None, 2)],
)
def test_what_could_not_be_read_stays_in_the_denominators(
    package: str | None, unreadable: int
) -> None:
    """`package_count` is of what was read; every percentage is of that and what was not."""
    specs = [
        *(Spec("a", tag=WEEK_1, package=name) for name in ("gone", "other", "zlib")),
        Spec("a", tag=WEEK_2, compiler="none"),
        Spec("b", tag=WEEK_2),
    ]
    connection = open_views(specs, rejects=[refused(WEEK_2, package)])
    expected = 1 + unreadable

    assert ask(
        connection,
        "select package_count, unreadable_package_count, expected_package_count from snapshots",
    ) == [(1, unreadable, expected), (3, 0, 3)]
    for view, share in (
        ("coverage_compiler_os", "package_pct"),
        ("coverage_compiler_target", "package_pct"),
        ("coverage_os_target", "package_pct"),
        ("coverage_compiler_os_target", "package_pct"),
        ("coverage_compiler_os_available", "available_pct"),
        ("compatible_coverage", "compatible_pct"),
        ("matrix_cells", "exact_pct"),
    ):
        rows = ask(
            connection,
            f"select distinct snapshot_package_count, {share} from {view} "
            f"where tag = '{WEEK_2}' and {share} > 0",
        )
        assert rows == [(expected, 100 / expected)], view


def test_a_refused_page_explains_nothing_else() -> None:
    """The loss of another package keeps its own cause."""
    specs = [Spec("a"), Spec("a", package="gone"), Spec("a", tag=WEEK_2)]
    connection = open_views(specs, rejects=[refused(WEEK_2, "other")])

    assert ask(connection, "select package, cause from snapshot_changes") == [
        ("gone", "package dropped")
    ]


def test_spec_changes_count_what_is_new_gone_and_kept() -> None:
    """Partly rebuilt cells are included, even with kept hashes; unchanged ones are not."""
    specs = [
        *(Spec(name, tag=WEEK_1) for name in ("a", "b")),
        *(Spec(name, tag=WEEK_2) for name in ("b", "c", "d")),
        Spec("a", tag=WEEK_1, package="other"),
        Spec("b", tag=WEEK_2, package="other", version="1.3"),
        *(Spec("a", tag=tag, package="same") for tag in (WEEK_1, WEEK_2)),
        Spec("a", tag=WEEK_2, package="new"),
    ]
    rows = ask(open_views(specs), "from spec_changes")

    assert rows == [
        (WEEK_2, WEEK_1, "other", *CELL, False, 1, 1, 0, None),
        (WEEK_2, WEEK_1, "zlib", *CELL, True, 2, 1, 1, None),
    ]


def test_spec_changes_tell_a_changed_recipe_from_a_rebuild() -> None:
    """By the recipes' hashes, where every spec of both snapshots tells its own."""
    recipes = {
        "same": ("x", "x"),
        "changed": ("x", "y"),
        "unknown": ("x", None),
    }
    specs = [
        Spec(f"{package}{number}", package=package, tag=tag, package_hash=recipe)
        for package, hashes in recipes.items()
        for number, (tag, recipe) in enumerate(zip((WEEK_1, WEEK_2), hashes, strict=True))
    ]
    rows = ask(open_views(specs), "select package, has_same_recipes from spec_changes")

    assert rows == [("changed", False), ("same", True), ("unknown", None)]


def test_snapshot_membership_names_what_went_and_came() -> None:
    """Stacks, environments and packages that only one of two snapshots has, with counts."""
    specs = [
        Spec("a", tag=WEEK_1, stacks=("e4s", "vis")),
        Spec("b", tag=WEEK_1, package="vtk", stacks=("vis",)),
        Spec("c", tag=WEEK_1, package="vtk", stacks=("vis",), os="rhel8"),
        Spec("a", tag=WEEK_2, stacks=("e4s", "root")),
        Spec("d", tag=WEEK_2, package="new", stacks=("hep",)),
    ]
    connection = open_views(specs)
    expected = [
        (WEEK_2, WEEK_1, "gained", "package", "new", 1, 1, 1, 1),
        (WEEK_2, WEEK_1, "gained", "stack", "hep", 1, 1, 1, 1),
        (WEEK_2, WEEK_1, "lost", "environment", "linux-rhel8-x86_64_v3", 1, 1, 1, 1),
        (WEEK_2, WEEK_1, "lost", "package", "vtk", 1, 2, 2, 2),
        # zlib stays, by another stack: of three cells that vis held two are lost.
        (WEEK_2, WEEK_1, "lost", "stack", "vis", 2, 3, 3, 2),
    ]

    assert ask(connection, "from snapshot_membership") == expected
    assert ask(connection, "from compare_membership(?, ?)", [WEEK_1, WEEK_2]) == expected
    assert ask(connection, "from compare_membership(?, ?)", [WEEK_1, WEEK_1]) == []
    # Each changed cell says which of these stacks listed it.
    assert ask(
        connection, "select change, cause, package, os, changed_stacks from snapshot_changes"
    ) == [
        ("gained", "package added", "new", "ubuntu22.04", ["hep"]),
        ("lost", "package dropped", "vtk", "rhel8", ["vis"]),
        ("lost", "package dropped", "vtk", "ubuntu22.04", ["vis"]),
    ]
    assert ask(connection, "from steps.unreadable_packages") == []
