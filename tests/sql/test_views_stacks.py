"""What stacks intend and what snapshots have of it, over time and across stacks."""

from __future__ import annotations

from tests.rows import WEEK_1, WEEK_2, WEEK_3, Spec, ask, needs, open_views, root, state


def test_stack_intent_counts_each_root_once() -> None:
    """Present are roots whose requirements are met; the rest is unmet, missing or unknown."""
    connection = open_views(
        [Spec("a", "hdf5", stacks=("e4s",))],
        stack_roots=[root("e4s", n, f"p{n}", ["a note"]) for n in range(1, 7)]
        + [root("hep", 1, "root")],
        stack_states=[
            state(WEEK_1, "e4s", 1, "present"),
            state(WEEK_1, "e4s", 2, "present", preferences_met=False),
            state(WEEK_1, "e4s", 3, "present", requirements_met=False),
            state(WEEK_1, "e4s", 4, "present", requirements_met=None),
            state(WEEK_1, "e4s", 5, "missing"),
            state(WEEK_1, "e4s", 6, "unknown"),
            state(WEEK_1, "hep", 1, "missing"),
        ],
    )

    assert ask(
        connection, "select * replace (round(present_pct, 1) as present_pct) from stack_intent"
    ) == [
        (WEEK_1, "e4s", 6, 2, 33.3, 1, 1, 1, 2, 1, ["a note"]),
        (WEEK_1, "hep", 1, 0, 0.0, 0, 0, 1, 0, 0, []),
    ]


def test_stack_missing_tells_since_when() -> None:
    """The last snapshot of its kind that had a root, required things and all."""
    release = "v1.0.0"
    tags = (WEEK_1, WEEK_2, WEEK_3, release)
    connection = open_views(
        [Spec("a", tag=tag) for tag in tags],
        stack_roots=[root("e4s", 1, "a"), root("e4s", 2, "b"), root("e4s", 3, "c")],
        stack_states=[
            state(WEEK_1, "e4s", 1, "present"),
            state(WEEK_2, "e4s", 1, "missing", reason="version", also_in=["hep"]),
            state(WEEK_3, "e4s", 1, "missing"),
            state(release, "e4s", 1, "missing"),
            state(WEEK_1, "e4s", 2, "present"),
            state(WEEK_2, "e4s", 2, "present"),
            state(WEEK_3, "e4s", 2, "present", requirements_met=False, unmet=["all: +x"]),
            state(WEEK_1, "e4s", 3, "missing"),
            state(WEEK_2, "e4s", 3, "unknown"),
        ],
    )
    query = (
        "select tag, spec, state, reason, unmet, missing_since, also_in, file, line "
        "from stack_missing"
    )

    assert ask(connection, query) == [
        (WEEK_1, "c", "missing", "package", [], None, [], "e4s/spack.yaml", 4),
        (WEEK_2, "a", "missing", "version", [], WEEK_1, ["hep"], "e4s/spack.yaml", 2),
        (WEEK_3, "a", "missing", "package", [], WEEK_1, [], "e4s/spack.yaml", 2),
        (WEEK_3, "b", "present", None, ["all: +x"], WEEK_2, [], "e4s/spack.yaml", 3),
        (release, "a", "missing", "package", [], None, [], "e4s/spack.yaml", 2),
    ]


def test_shared_missing_roots_are_intended_by_several_stacks_and_in_none() -> None:
    """A root that one of them has, or any other stack, is not among them."""
    connection = open_views(
        stack_roots=[
            root("e4s", 1, "a  +x"),
            root("hep", 1, "a +x"),
            root("e4s", 2, "b"),
            root("hep", 2, "b"),
            root("e4s", 3, "c"),
            root("e4s", 4, "c"),
            root("e4s", 5, "d"),
            root("hep", 3, "d"),
        ],
        stack_states=[
            state(WEEK_1, "e4s", 1, "missing"),
            state(WEEK_1, "hep", 1, "missing"),
            state(WEEK_1, "e4s", 2, "missing"),
            state(WEEK_1, "hep", 2, "present"),
            state(WEEK_1, "e4s", 3, "missing"),
            state(WEEK_1, "e4s", 4, "missing"),
            state(WEEK_1, "e4s", 5, "missing", also_in=["radiuss"]),
            state(WEEK_1, "hep", 3, "missing"),
        ],
    )

    assert ask(connection, "from shared_missing_roots") == [
        (WEEK_1, "a +x", "a", 2, ["e4s", "hep"])
    ]


def test_unintended_packages_are_needed_by_no_root() -> None:
    """Neither roots nor what they need, at any depth; pages tell no dependencies, so no rows."""
    connection = open_views(
        [
            *(Spec(name, name, stacks=("e4s",)) for name in ("hdf5", "mpich", "cmake", "old")),
            Spec("old2", "old", stacks=("e4s", "hep")),
            Spec("other", "other", stacks=("hep",)),
            Spec("old", "old", stacks=("e4s",), tag=WEEK_2),
        ],
        dependencies=[needs("hdf5", "mpich"), needs("mpich", "cmake", ("build",))],
        stack_roots=[root("e4s", 1, "hdf5")],
        stack_states=[state(WEEK_1, "e4s", 1, "present", hashes=["hdf5"], spec_count=1)],
    )

    assert ask(connection, "from unintended_packages") == [(WEEK_1, "old", 2, ["e4s"])]
