"""What a snapshot has of the roots that stacks intend."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.specs.grammar import parse_spec
from pipeline.warehouse.database import open_warehouse, run_query
from pipeline.warehouse.finding import COLUMNS, find_specs
from pipeline.warehouse.intent import RootState, intended, judge_roots, tally
from pipeline.warehouse.questions import newest_tag
from tests.rows import WEEK_1, Spec, needs, open_views
from tests.stacks import read_text

# A cache of one snapshot: what stack e4s has of hdf5, and what it needs.
HDF5 = Spec(
    "hdf5",
    "hdf5",
    version="1.14.5",
    variants=("+mpi", "~hl", "api=v114"),
    flags=(),
    namespace="builtin",
)
SPECS = [
    HDF5,
    Spec("mpich", "mpich", version="4.2.3", variants=("+fortran",), flags=()),
    Spec("zlib", "zlib", version="1.3.1", variants=("+shared",), flags=(), compiler="none"),
    Spec("other", "xz", stacks=("hep",), flags=()),
]
DEPENDENCIES = [
    needs("hdf5", "mpich", version="4.2.3") | {"virtuals": ["mpi"]},
    needs("hdf5", "zlib", version="1.3.1"),
]


@cache
def open_default() -> duckdb.DuckDBPyConnection:
    return open_views(SPECS, dependencies=DEPENDENCIES)


def judge(
    folder: Path,
    specs: str,
    packages: str = "{}",
    *,
    held: list[Spec] = SPECS,
    dependencies: list[dict[str, Any]] = DEPENDENCIES,
    stack: str = "e4s",
    any_stack: bool = False,
) -> list[RootState]:
    """Judge the roots of an environment file by a snapshot."""
    text = f"spack:\n  packages: {packages}\n  specs:\n{specs}"
    stack_file = read_text(folder, text)
    is_default = held is SPECS and dependencies is DEPENDENCIES
    connection = open_default() if is_default else open_views(held, dependencies=dependencies)
    return judge_roots(connection, WEEK_1, intended(stack, stack_file), any_stack=any_stack)


@pytest.mark.parametrize(
    ("spec", "state", "reason"),
    [
        ("hdf5", "present", None),
        ("hdf5@1.14: +mpi %gcc ^mpich@4 target=x86_64_v3", "present", None),
        ("cmake", "missing", "package"),
        ("xz", "missing", "package"),
        ("hdf5@1.12 +hl", "missing", "version"),
        ("hdf5 +hl %clang", "missing", "variants"),
        ("hdf5 api=v18", "missing", "variants"),
        ("hdf5 cflags=-g", "missing", "variants"),
        ("hdf5 %clang target=zen3", "missing", "compiler"),
        ("hdf5 target=zen3 os=centos7", "missing", "target"),
        ("hdf5 os=centos7 ^openmpi", "missing", "os"),
        ("hdf5 platform=darwin", "missing", "os"),
        ("hdf5 ^openmpi", "missing", "dependency"),
        ("hdf5 ^mpich@3", "missing", "dependency"),
        ("hdf5 ^mpi", "present", None),
        ("other.hdf5", "missing", "package"),
        ("hdf5 /b", "missing", "package"),
        ("hdf5 ++mpi", "unknown", "propagation of '++mpi' to dependencies is not supported"),
    ],
)
def test_a_root_has_a_state(tmp_path: Path, spec: str, state: str, reason: str | None) -> None:
    """The first reason in the fixed order, by the spec of the stack that comes nearest."""
    (found,) = judge(tmp_path, f"  - '{spec}'\n")

    assert (found.state, (found.reason or "")[:55]) == (state, (reason or "")[:55])
    assert found.hashes == (["hdf5"] if state == "present" else [])


def test_the_nearest_spec_tells_the_reason(tmp_path: Path) -> None:
    """Of two builds the one that agrees in the longer run of the order counts."""
    held = [
        HDF5,
        Spec("old", "hdf5", version="1.12", variants=("+hl",), target="zen3"),
    ]
    states = judge(tmp_path, "  - hdf5@1.14 target=zen3\n  - hdf5 +hl@1.14\n", held=held)

    assert [found.reason for found in states] == ["target", "variants"]


def test_pages_cannot_tell_dependencies(tmp_path: Path) -> None:
    """What only differs in what pages do not tell is unknown; what differs in more is missing."""
    held = [Spec("page", "hdf5", version="1.14.5")]
    states = judge(
        tmp_path,
        "  - hdf5 ^mpich\n  - hdf5@1.12 ^mpich\n  - hdf5 cflags=-g\n",
        held=held,
        dependencies=[],
    )

    assert [(found.state, found.reason) for found in states] == [
        ("unknown", "dependency: ^mpich: dependencies are unknown"),
        ("missing", "version"),
        ("unknown", "flags: compiler flags are unknown"),
    ]


def test_only_the_stacks_own_specs_count(tmp_path: Path) -> None:
    """Others that have it are named; root is the index of all; any stack takes them all."""
    (missing,) = judge(tmp_path, "  - xz\n")
    (in_root,) = judge(tmp_path, "  - hdf5\n", stack="root")
    (anywhere,) = judge(tmp_path, "  - xz\n", any_stack=True)
    (elsewhere,) = judge(tmp_path, "  - hdf5\n", stack="nothing")

    assert (missing.state, missing.also_in) == ("missing", ["hep"])
    assert (in_root.state, in_root.also_in) == ("present", ["e4s"])
    assert (anywhere.state, anywhere.hashes) == ("present", ["other"])
    assert (elsewhere.state, elsewhere.reason, elsewhere.also_in) == ("missing", "package", ["e4s"])


@pytest.mark.parametrize(
    ("packages", "requirements", "preferences", "unmet"),
    [
        ("{}", True, True, []),
        ("{all: {require: [target=x86_64_v3]}}", True, True, []),
        ("{all: {require: [target=zen3]}}", False, True, ["all: target=zen3"]),
        # Its own requirement replaces that of all.
        ("{all: {require: [target=zen3]}, hdf5: {require: '@1.14:'}}", True, True, []),
        ("{hdf5: {require: [+hl, '@1.12']}}", False, True, ["hdf5: +hl", "hdf5: @1.12"]),
        # What all asks for binds only packages that can have it.
        ("{all: {require: [+cuda, cuda_arch=80]}}", True, True, []),
        ("{all: {require: [~mpi]}}", False, True, ["all: ~mpi"]),
        ("{all: {require: ['+hl +cuda']}}", True, True, []),
        ("{hdf5: {require: [+cuda]}}", False, True, ["hdf5: +cuda"]),
        # One of several, any of several, and conditions.
        ("{hdf5: {require: [{one_of: [+mpi, ~hl]}]}}", False, True, ["hdf5: +mpi or ~hl"]),
        ("{hdf5: {require: [{one_of: [+mpi, +hl]}]}}", True, True, []),
        ("{hdf5: {require: [{any_of: [+mpi, ~hl]}]}}", True, True, []),
        ("{hdf5: {require: [{any_of: [~mpi, +hl]}]}}", False, True, ["hdf5: ~mpi or +hl"]),
        ("{hdf5: {require: [{spec: +hl, when: '@1.12'}]}}", True, True, []),
        (
            "{hdf5: {require: [{spec: +hl, when: '@1.14'}]}}",
            False,
            True,
            ["hdf5: +hl when @1.14"],
        ),
        ("{all: {conflict: ['@1.14:']}}", False, True, ["all: not @1.14:"]),
        ("{all: {conflict: ['@2:']}}", True, True, []),
        # What provides virtual packages and compiles languages.
        ("{mpi: {require: mpich}}", True, True, []),
        ("{mpi: {require: openmpi}}", False, True, ["mpi: openmpi"]),
        ("{blas: {require: openblas}}", True, True, []),
        ("{c: {require: [gcc@11]}}", True, True, []),
        ("{c: {require: [gcc@12]}}", False, True, ["c: gcc@12"]),
        ("{all: {require: ['%gcc@12']}}", False, True, ["all: %gcc@12"]),
        # Wishes.
        ("{all: {prefer: [~mpi]}}", True, False, ["all: ~mpi"]),
        ("{all: {prefer: [~mpi]}, hdf5: {prefer: [+mpi]}}", True, True, []),
        ("{all: {variants: +mpi +nothing}}", True, True, []),
        ("{all: {variants: ['~mpi']}}", True, False, ["all: ~mpi"]),
        ("{hdf5: {version: ['1.12', '1.14']}}", True, True, []),
        ("{hdf5: {version: ['1.12']}}", True, False, ["hdf5: @1.12"]),
        ("{all: {target: [zen3]}}", True, False, ["all: target=zen3"]),
        ("{all: {compiler: [clang, gcc]}}", True, True, []),
        ("{all: {providers: {mpi: [openmpi, mpich], blas: [x]}}}", True, True, []),
        ("{all: {providers: {mpi: [openmpi]}}}", True, False, ["mpi: openmpi"]),
        ("{mpi: {prefer: [openmpi]}}", True, False, ["mpi: openmpi"]),
        # What can't be told is neither.
        ("{hdf5: {require: ['++x']}}", None, True, ["hdf5: ++x"]),
        ("{hdf5: {require: [{spec: +hl, when: '++x'}]}}", None, True, ["hdf5: +hl when ++x"]),
    ],
)
def test_packages_require_and_prefer(
    tmp_path: Path,
    packages: str,
    requirements: bool | None,
    preferences: bool | None,
    unmet: list[str],
) -> None:
    """Both are judged beside the state, which is that of the root alone."""
    (found,) = judge(tmp_path, "  - hdf5\n", packages)

    assert (found.state, found.requirements_met, found.preferences_met, found.unmet) == (
        "present",
        requirements,
        preferences,
        unmet,
    )


def test_one_of_several_specs_has_to_meet_them(tmp_path: Path) -> None:
    """The requirements have to hold of one spec; the wishes of one that has those."""
    held = [
        Spec("a", "hdf5", variants=("+mpi", "~hl")),
        Spec("b", "hdf5", variants=("~mpi", "+hl")),
    ]
    packages = "{hdf5: {require: [+mpi], prefer: [+hl]}}"
    (found,) = judge(tmp_path, "  - hdf5\n", packages, held=held, dependencies=[])

    assert (found.hashes, found.requirements_met, found.preferences_met, found.unmet) == (
        ["a", "b"],
        True,
        False,
        ["hdf5: +hl"],
    )


def test_a_compiler_is_asked_of_nothing_that_has_none(tmp_path: Path) -> None:
    """`%gcc` for all binds neither a package built with no compiler nor a compiler."""
    held = [*SPECS, Spec("gcc", "gcc", compiler="clang@18")]
    states = judge(tmp_path, "  - zlib\n  - gcc\n", "{all: {require: ['%gcc']}}", held=held)

    assert [found.requirements_met for found in states] == [True, True]


def test_groups_that_only_prefer_gpus_do_not_count_as_met(tmp_path: Path) -> None:
    """A GPU root is present in a cache without a GPU spec; its wishes are not, and that is said."""
    held = [
        Spec("kokkos", "kokkos", variants=("~cuda",)),
        Spec("amrex", "amrex", variants=("~cuda",)),
    ]
    states = judge(
        tmp_path,
        """\
  - group: cuda-80
    specs: [kokkos, amrex]
    override:
      packages:
        all: {prefer: [+cuda, cuda_arch=80]}
        kokkos: {require: [+cuda]}
""",
        held=held,
        dependencies=[],
    )

    assert [
        (found.state, found.requirements_met, found.preferences_met, found.unmet)
        for found in states
    ] == [
        ("present", False, False, ["kokkos: +cuda"]),
        ("present", True, False, ["all: +cuda"]),
    ]
    assert str(tally(states)) == (
        "1 of 2 roots present (50.0 %), 1 only without what is required, 0 missing, 0 unknown; "
        "1 of those present lack what is preferred"
    )


def test_find_and_stacks_agree(mirror_sample: Path, tmp_path: Path) -> None:
    """On a real index, whose dependencies are known: what `find` lists of a stack is present."""
    with open_warehouse(mirror_sample) as connection:
        tag = newest_tag(connection)
        packages = run_query(
            connection, "select distinct package from specs where tag = ? order by all", [tag]
        )
        texts = [
            f"{package}{asked}"
            for (package,) in packages.values
            for asked in ("", " %gcc", " ^glibc", " ^gcc-runtime %gcc@11", " ^nowhere", " ^mpi")
        ]
        lines = "".join(f"  - '{text}'\n" for text in texts)
        stack_file = read_text(tmp_path, f"spack:\n  specs:\n{lines}")
        states = judge_roots(connection, tag, intended("e4s", stack_file))
        stacks_place = COLUMNS.index("stacks")
        found = [
            sorted(
                row[COLUMNS.index("hash")]
                for row in find_specs(connection, parse_spec(text), [tag]).rows.values
                if "e4s" in row[stacks_place]
            )
            for text in texts
        ]

    assert [sorted(state.hashes) for state in states] == found
    assert {state.state for state in states} == {"present", "missing", "unknown"}
