"""The views and macros of sql/snapshots: the contents of snapshots, stacks, packages and pages."""

from __future__ import annotations

import datetime

from tests.rows import WEEK_1, WEEK_2, WEEK_3, Spec, ask, open_views, page

LINUX = ("linux", "ubuntu22.04", "x86_64_v3")
PAIR = [WEEK_2, WEEK_1]


def test_snapshots_counts_distinct_things() -> None:
    """Packages by name, specs by package and hash, stacks without root."""
    specs = [
        Spec("a", stacks=("e4s", "hep", "root")),
        Spec("a", package="adiak", stacks=()),
        Spec("b", package="adiak", stacks=("root",)),
    ]
    rows = ask(open_views(specs), "from snapshots")
    assert rows == [
        (WEEK_1, "weekly", datetime.date(2025, 3, 16), None, 2, 3, 5, 2, "weekly", 0, 2)
    ]


def test_snapshots_has_a_tag_of_which_no_spec_was_taken() -> None:
    """A page is enough for a snapshot, and the next one has it as previous_tag."""
    rows = ask(
        open_views([Spec(tag=WEEK_2)], [page(tag=WEEK_1)]),
        """
        select tag, previous_tag, package_count, spec_count, spec_stack_count, stack_count
        from snapshots
        """,
    )
    assert rows == [(WEEK_1, None, 0, 0, 0, 0), (WEEK_2, WEEK_1, 1, 1, 2, 1)]


def test_snapshot_stacks_has_each_stack_once() -> None:
    """Root is not a stack."""
    specs = [Spec("a"), Spec("b", stacks=("e4s", "hep")), Spec("c", tag=WEEK_2, stacks=("root",))]
    assert ask(open_views(specs), "from steps.snapshot_stacks") == [
        (WEEK_1, "e4s"),
        (WEEK_1, "hep"),
    ]


def test_stack_sizes_counts_packages_and_specs() -> None:
    """A spec in two stacks counts in both."""
    specs = [Spec("a", stacks=("e4s", "hep")), Spec("b"), Spec("a", package="adiak")]
    rows = ask(
        open_views(specs), "select tag, stack, package_count, spec_count from steps.stack_sizes"
    )
    assert rows == [(WEEK_1, "e4s", 2, 3), (WEEK_1, "hep", 1, 1)]


def test_cells_are_package_and_environment() -> None:
    """Platform, os and target make different cells, the compiler does not."""
    specs = [
        Spec("a"),
        Spec("b", compiler="none"),
        Spec("c", target="zen4"),
        Spec("d", os="rhel8"),
        Spec("e", platform="cray"),
        Spec("f", package="adiak"),
    ]
    rows = ask(
        open_views(specs), "select package, platform, os, target, spec_count from steps.cells"
    )
    assert rows == [
        ("adiak", *LINUX, 1),
        ("zlib", "cray", "ubuntu22.04", "x86_64_v3", 1),
        ("zlib", "linux", "rhel8", "x86_64_v3", 1),
        ("zlib", *LINUX, 2),
        ("zlib", "linux", "ubuntu22.04", "zen4", 1),
    ]


def test_environments_are_those_seen_in_the_snapshot() -> None:
    """One package is enough for an environment; other snapshots' don't count."""
    specs = [
        Spec("a"),
        Spec("b"),
        Spec("a", package="adiak"),
        Spec("c", target="graviton2"),
        Spec("a", tag=WEEK_2),
    ]
    rows = ask(open_views(specs), "from environments")
    assert rows == [
        (WEEK_1, "linux", "ubuntu22.04", "graviton2", 1, 1),
        (WEEK_1, *LINUX, 2, 3),
        (WEEK_2, *LINUX, 1, 1),
    ]


def test_variants_are_split_into_name_and_value() -> None:
    """Signs are true and false; a value may contain `=`, or be empty."""
    variants = (
        "+shared",
        "~ipo",
        "patches=ad23cca,b56ee82",
        "flags=-O2=x",
        "empty=",
        "odd",
        "~ipo",
    )
    rows = ask(
        open_views([Spec(variants=variants), Spec("b", variants=())]),
        "select hash, variant, variant_name, variant_value from variants",
    )
    assert rows == [
        ("a", "+shared", "shared", "true"),
        ("a", "empty=", "empty", ""),
        ("a", "flags=-O2=x", "flags", "-O2=x"),
        ("a", "odd", "odd", None),
        ("a", "patches=ad23cca,b56ee82", "patches", "ad23cca,b56ee82"),
        ("a", "~ipo", "ipo", "false"),
    ]


def test_package_coverage_gathers_versions_and_stacks() -> None:
    """Lists are sorted as text, without duplicates and without root."""
    specs = [
        Spec("a", version="1.9", stacks=("hep", "root")),
        Spec("b", version="1.10", stacks=("e4s", "hep")),
        Spec("c", version="1.9", stacks=()),
        Spec("d", compiler="none", stacks=("root",)),
    ]
    rows = ask(open_views(specs), "from package_coverage")
    assert rows == [
        (WEEK_1, "zlib", "gcc@11.4.0", *LINUX, ["1.10", "1.9"], ["e4s", "hep"], 3),
        (WEEK_1, "zlib", "none", *LINUX, ["1.2"], [], 1),
    ]


def test_root_holes_are_specs_of_stacks_that_root_lacks() -> None:
    """A spec in no stack is not a hole, and a snapshot without root has none."""
    specs = [
        Spec("a", stacks=("e4s", "root")),
        Spec("b", stacks=("hep", "e4s")),
        Spec("c", stacks=()),
        Spec("d", tag=WEEK_2, stacks=("e4s",)),
    ]
    assert ask(open_views(specs), "from root_holes") == [(WEEK_1, "zlib", "b", ["e4s", "hep"])]


def test_duplicate_builds_differ_in_nothing_but_the_hash() -> None:
    """Variants are compared as lists: another order is another build."""
    specs = [
        Spec("b", variants=("+shared", "~ipo")),
        Spec("a", variants=("+shared", "~ipo"), stacks=()),
        Spec("c", variants=("~ipo", "+shared")),
        Spec("d", variants=("+shared", "~ipo"), version="1.3"),
        Spec("e", variants=("+shared", "~ipo"), compiler="none"),
        Spec("f", variants=("+shared", "~ipo"), tag=WEEK_2),
    ]
    build = ("1.2", "gcc@11.4.0", "ubuntu22.04", "linux", "x86_64_v3", ["+shared", "~ipo"])
    rows = ask(open_views(specs), "from duplicate_builds")
    assert rows == [(WEEK_1, "zlib", *build, None, None, 2, ["a", "b"], "unknown", [])]


def test_builds_with_other_flags_or_namespace_are_no_duplicates() -> None:
    """Only specs with equal flags and namespace are duplicates."""
    specs = [
        Spec("a", flags=["cflags=-O3"], namespace="builtin"),
        Spec("b", flags=["cflags=-O2"], namespace="builtin"),
        Spec("c", flags=[], namespace="builtin"),
        Spec("d", flags=["cflags=-O3"], namespace="mysite"),
        Spec("e", flags=["cflags=-O3"], namespace="builtin"),
    ]
    rows = ask(open_views(specs), "select flags, namespace, hashes from duplicate_builds")
    assert rows == [(["cflags=-O3"], "builtin", ["a", "e"])]


def test_hash_lifetimes_span_the_weekly_snapshots() -> None:
    """Other snapshots do not count, and a week without the spec does not end its life."""
    specs = [
        Spec("a", tag=WEEK_1),
        Spec("a", tag=WEEK_3),
        Spec("a", tag="develop"),
        Spec("a", tag=WEEK_2, package="adiak"),
        Spec("b", tag="v0.23.0"),
    ]
    rows = ask(open_views(specs), "from hash_lifetimes")
    assert rows == [("adiak", "a", WEEK_2, WEEK_2, 1), ("zlib", "a", WEEK_1, WEEK_3, 2)]


def test_page_contents_are_what_the_specs_say() -> None:
    """Root counts as a stack here, as in summaries; specs in no stack are counted."""
    specs = [
        Spec("a"),
        Spec("b", stacks=(), version="1.3", compiler="none"),
        Spec("c", stacks=("e4s",), version="1.3"),
    ]
    (row,) = ask(open_views(specs), "select * exclude (tag, package) from steps.page_contents")
    *names, stack_counts = row
    assert names == [
        ["gcc@11.4.0", "none"],
        ["ubuntu22.04"],
        ["linux"],
        ["e4s", "root"],
        ["x86_64_v3"],
        ["1.2", "1.3"],
    ]
    counts = {counted["stack"]: counted["spec_count"] for counted in stack_counts}
    assert counts == {"e4s": 2, "root": 1}


def test_page_contents_of_specs_in_no_stack() -> None:
    """A page whose specs no stack lists has a row, with null for what is of stacks."""
    rows = ask(
        open_views([Spec("a", stacks=())]),
        "select compilers, page_stacks, stack_counts from steps.page_contents",
    )
    assert rows == [(["gcc@11.4.0"], None, None)]


def test_spec_presence_tells_which_snapshot_of_a_pair_has_a_spec() -> None:
    """A stack lasts if the other snapshot has it, with any specs; root is not a stack."""
    specs = [
        Spec("a", tag=WEEK_1, stacks=("e4s", "root")),
        Spec("b", tag=WEEK_1, stacks=("hep",)),
        Spec("c", tag=WEEK_1, stacks=("root",)),
        Spec("a", tag=WEEK_2, stacks=("e4s", "root")),
        Spec("d", tag=WEEK_2, stacks=("radiuss", "e4s")),
        Spec("e", tag=WEEK_3),
    ]
    rows = ask(
        open_views(specs),
        """
        select tag, previous_tag, hash, is_present, was_present, has_stack, has_lasting_stack
        from steps.spec_presence([{tag: ?, previous_tag: ?}])
        """,
        PAIR,
    )
    assert rows == [
        (*PAIR, "a", True, True, True, True),
        (*PAIR, "b", False, True, True, False),
        (*PAIR, "c", False, True, False, False),
        (*PAIR, "d", True, False, True, True),
    ]


def test_usable_specs_run_on_the_target_or_are_built_for_it() -> None:
    """Ancestors run there, descendants and other families do not."""
    specs = [
        Spec("a", target="x86_64_v4"),
        Spec("b", target="x86_64", os="rhel8", stacks=()),
        Spec("c", target="zen4"),
        Spec("d", target="aarch64"),
        Spec("e", target="x86_64_v4", tag=WEEK_2),
    ]
    rows = ask(open_views(specs), "from steps.usable_specs(?, ?)", [WEEK_1, "x86_64_v4"])
    build = (WEEK_1, "zlib", "1.2", "gcc@11.4.0", "linux")
    assert rows == [
        (*build, "rhel8", "x86_64", "b", [], "ancestor"),
        (*build, "ubuntu22.04", "x86_64_v4", "a", ["e4s"], "exact"),
    ]


def test_usable_specs_of_an_unknown_target_are_exact() -> None:
    """An unknown target still runs what was built for exactly it."""
    specs = [Spec("a", target="novel"), Spec("b", target="x86_64")]
    rows = ask(
        open_views(specs),
        "select hash, target_match from steps.usable_specs(?, ?)",
        [WEEK_1, "novel"],
    )
    assert rows == [("a", "exact")]
