"""Lists of specs, definitions, references and matrices, as Spack expands them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.sources.rejects import PageError
from tests.stacks import read_text, specs_of, write_stack

# As e4s, the largest of the public stacks: one list used by several groups.
REFERENCES = """\
    spack:
      view: false
      definitions:
      - gpu_specs:
        - amrex
        - cabana ^kokkos +cuda_lambda
      specs:
      # CPU
      - adios
      - trilinos +belos
         +tpetra # folded
      - group: "cuda-80"
        specs:
        - $gpu_specs
        override:
          packages:
            all: {prefer: [+cuda, cuda_arch=80]}
      - hdf5
      - group: rocm
        specs:
        - magma ~cuda
        - $gpu_specs
"""
# As data-vis-sdk: matrices in definitions, parts with dependencies.
DEFINED_MATRICES = """\
    spack:
      definitions:
      - viewers:
        - matrix:
          - - visit
          - - ~gui ^[virtuals=gl] glx
            - +gui
      specs:
      - zfp
      - $viewers
      - vtk-m
"""
# As ml-linux-x86_64: a matrix of a reference, of which one spec is left out.
EXCLUDED = """\
    spack:
      definitions:
      - keras: [py-keras backend=jax, py-keras backend=torch]
      specs:
      - group: rocm
        specs:
        - matrix:
          - [$keras]
          exclude:
          - py-keras backend=torch
"""
# As tutorial: matrices in a group that needs another.
MATRICES = """\
    spack:
      specs:
      - group: compiler
        specs: [gcc@16]
      - group: scalapacks
        needs: [compiler]
        specs:
        - matrix:
          - [netlib-scalapack]
          - [^mpich, ^openmpi]
          - [^openblas, ^netlib-lapack]
        - matrix:
          - [py-scipy ^openblas, elpa ^mpich]
"""
# As aws-pcluster: one list for two groups with other targets, in flow style.
OVERRIDES = """\
    spack:
      definitions:
      - apps: [palace, "openmpi@4:"]
      specs:
      - group: v3
        specs: [$apps]
        override: {packages: {all: {require: [target=x86_64_v3]}}}
      - group: v4
        specs: [$apps]
        override: {packages: {all: {prefer: [target=x86_64_v4]}}}
"""
# As radiuss: the same package with and without variants, and the same spec in two groups.
REPEATS = """\
    spack:
      specs:
      - group: cpu
        specs: [raja, umpire]
      - group: cuda
        specs: [raja, raja +cuda, raja]
"""
Row = tuple[str, str, int]  # group, spec, line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            REFERENCES,
            [
                ("default", "adios", 9),
                ("default", "trilinos +belos +tpetra", 10),
                ("default", "hdf5", 18),
                ("cuda-80", "amrex", 5),
                ("cuda-80", "cabana ^kokkos +cuda_lambda", 6),
                ("rocm", "magma ~cuda", 21),
                ("rocm", "amrex", 5),
                ("rocm", "cabana ^kokkos +cuda_lambda", 6),
            ],
            id="references",
        ),
        pytest.param(
            DEFINED_MATRICES,
            [
                ("default", "zfp", 9),
                ("default", "visit ~gui ^[virtuals=gl] glx", 5),
                ("default", "visit +gui", 5),
                ("default", "vtk-m", 11),
            ],
            id="defined matrices",
        ),
        pytest.param(EXCLUDED, [("rocm", "py-keras backend=jax", 3)], id="excluded"),
        pytest.param(
            MATRICES,
            [
                ("compiler", "gcc@16", 4),
                ("scalapacks", "netlib-scalapack ^mpich ^openblas", 9),
                ("scalapacks", "netlib-scalapack ^mpich ^netlib-lapack", 9),
                ("scalapacks", "netlib-scalapack ^openmpi ^openblas", 9),
                ("scalapacks", "netlib-scalapack ^openmpi ^netlib-lapack", 9),
                ("scalapacks", "py-scipy ^openblas", 13),
                ("scalapacks", "elpa ^mpich", 13),
            ],
            id="matrices",
        ),
        pytest.param(
            OVERRIDES,
            [
                ("v3", "palace", 3),
                ("v3", "openmpi@4:", 3),
                ("v4", "palace", 3),
                ("v4", "openmpi@4:", 3),
            ],
            id="overrides",
        ),
        pytest.param(
            REPEATS,
            [
                ("cpu", "raja", 4),
                ("cpu", "umpire", 4),
                ("cuda", "raja", 6),
                ("cuda", "raja +cuda", 6),
                ("cuda", "raja", 6),
            ],
            id="repeats",
        ),
    ],
)
def test_roots_have_their_group_and_line(tmp_path: Path, text: str, expected: list[Row]) -> None:
    """Specs of no group come first, then groups in the file's order; nothing is left out twice."""
    stack = read_text(tmp_path, text)

    assert [(root.group, root.spec, root.place.line) for root in stack.roots] == expected
    assert [root.number for root in stack.roots] == list(range(1, len(expected) + 1))
    assert stack.notes == []


def test_references_take_a_sigil(tmp_path: Path) -> None:
    """`$^name` and `$%name` make dependencies of a list's entries."""
    specs = specs_of(
        tmp_path,
        """\
        spack:
          definitions:
          - mpis: [mpich, openmpi +legacylaunchers]
          - compilers: [gcc@12]
          specs:
          - matrix:
            - [hdf5]
            - [$^mpis]
            - [$%compilers]
        """,
    )

    assert specs == ["hdf5 %gcc@12 ^mpich", "hdf5 %gcc@12 ^openmpi +legacylaunchers"]


def test_a_part_binds_the_root_and_not_the_dependency_before_it(tmp_path: Path) -> None:
    """A row's entry constrains the combination's root, where text alone would say otherwise."""
    specs = specs_of(
        tmp_path,
        """\
        spack:
          specs:
          - matrix:
            - [hdf5 ^mpich]
            - [+hl, "@1.14"]
        """,
    )

    assert specs == ["hdf5 +hl ^mpich", "hdf5@1.14 ^mpich"]


def test_matrices_stand_in_matrices(tmp_path: Path) -> None:
    """A nested matrix is one row's entries; definitions may hold some, too."""
    specs = specs_of(
        tmp_path,
        """\
        spack:
          definitions:
          - pairs:
            - matrix:
              - [zlib, bzip2]
              - ["@1", "@2"]
              exclude: [bzip2@2]
          specs:
          - matrix:
            - [$pairs, xz]
            - - matrix:
                - [+shared, ~shared]
                - [+pic]
        """,
    )

    assert specs == [
        "zlib @1 +shared +pic",
        "zlib @1 ~shared +pic",
        "zlib @2 +shared +pic",
        "zlib @2 ~shared +pic",
        "bzip2 @1 +shared +pic",
        "bzip2 @1 ~shared +pic",
        "xz +shared +pic",
        "xz ~shared +pic",
    ]


@pytest.mark.parametrize(
    ("excluded", "left"),
    [
        ("a@1.2", ["a @1 +x", "a @1 ~x"]),
        ("+x", ["a @1 ~x", "a @1.2.3 ~x"]),
        ("a@1.2: +x", ["a @1 +x", "a @1 ~x", "a @1.2.3 ~x"]),
        ("b", ["a @1 +x", "a @1 ~x", "a @1.2.3 +x", "a @1.2.3 ~x"]),
    ],
)
def test_exclude_leaves_out_what_implies_it(tmp_path: Path, excluded: str, left: list[str]) -> None:
    """A combination is left out if all that satisfies it satisfies an excluded spec."""
    specs = specs_of(
        tmp_path,
        f"""\
        spack:
          specs:
          - matrix:
            - [a]
            - ["@1", "@1.2.3"]
            - [+x, ~x]
            exclude: ['{excluded}']
        """,
    )

    assert specs == left


def test_definitions_of_one_name_are_one_list(tmp_path: Path) -> None:
    """A condition that is false leaves its part out, and a note says so."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          definitions:
          - tools: [cmake]
          - tools: [ninja]
            when: os == "ubuntu22.04"
          - tools: [gmake]
            when: platform == "darwin"
          specs: [$tools]
        """,
    )

    assert [root.spec for root in stack.roots] == ["cmake", "ninja"]
    assert stack.notes == [
        "spack.yaml:7: definition tools left out: 'platform == \"darwin\"' is false here"
    ]


def test_a_condition_that_is_not_known_leaves_a_doubt(tmp_path: Path) -> None:
    """What it guards is listed, each root with the reason why it may not be meant."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          definitions:
          - tools: [ninja]
            when: open("/etc/passwd").read()
          - all: [$tools, cmake]
          specs: [$all]
        """,
    )

    assert [(root.spec, root.doubt is not None) for root in stack.roots] == [
        ("ninja", True),
        ("cmake", False),
    ]
    assert stack.roots[0].doubt is not None
    assert stack.roots[0].doubt.startswith("spack.yaml:4: when ")
    assert stack.roots[0].doubt.endswith("is not supported")


@pytest.mark.parametrize(
    ("spec", "doubt"),
    [
        ("hdf5 ++mpi", "propagation of '++mpi' to dependencies is not supported by find, at"),
        ("hdf5 +", "unexpected '+', at character 6"),
        ("^zlib", "it names no package"),
        (f"zlib@{'1' * 5000}", "a version of more than 500 characters, at character 5"),
    ],
)
def test_a_spec_that_cannot_be_read_is_a_root_with_a_doubt(
    tmp_path: Path, spec: str, doubt: str
) -> None:
    """It is owed, and nobody can tell whether the cache has it."""
    (root,) = read_text(tmp_path, f"spack:\n  specs: ['{spec}']\n").roots

    assert root.spec == spec
    assert (root.doubt or "").startswith(doubt)


def test_a_toolchain_leaves_a_doubt(tmp_path: Path) -> None:
    """What a toolchain stands for is not read here."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          toolchains:
            ours: {spec: '%c=gcc'}
          specs: [zlib %ours, xz]
        """,
    )

    assert [root.doubt for root in stack.roots] == [
        "%ours is a toolchain, which is not read here",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("spack: {specs: [$a]}", 1, "$a: expected a list that is defined above, found none"),
        ("spack:\n  definitions:\n  - a: [$a]\n", 3, "$a: expected a list that is defined above"),
        (
            "spack:\n  definitions:\n  - a: [$b]\n  - b: [x]\n",
            3,
            "$b: expected a list that is defined above",
        ),
        ("spack:\n  definitions:\n  - {a: [x], b: [x]}\n", 3, "expected one name in an entry"),
        ("spack:\n  definitions:\n  - when: 'True'\n", 3, "expected one name in an entry"),
        ("spack:\n  specs:\n  - [a]\n", 3, "specs: expected a spec or a matrix, found a list"),
        ("spack:\n  specs:\n  - matrix: [[a]]\n    include: [b]\n", None, None),
        ("spack:\n  specs:\n  - matrix: a\n", 3, "matrix: expected a list of rows"),
        ("spack:\n  specs:\n  - matrix: [a]\n", 3, "matrix: expected a row, a list of specs"),
        (
            "spack:\n  specs:\n  - a@1:\n",
            3,
            "found a mapping with 'a@1'; quote a spec that ends with a colon",
        ),
        ("spack:\n  specs: a\n", 2, "specs: expected a list, found text"),
        ("spack: [a]\n", 1, "spack: expected a mapping, found a list"),
        ("packages: {}\n", 1, "expected an environment file, with 'spack:' on top; found none"),
        (
            "spack:\n  specs:\n  - {group: a, specs: [b]}\n  - {group: a, specs: [c]}\n",
            4,
            "expected group 'a' once, found it again",
        ),
    ],
)
def test_what_spack_refuses_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None, message: str | None
) -> None:
    """A file that is not an environment by Spack's rules is not guessed at."""
    path = write_stack(tmp_path, text)

    if message is None:
        (root,) = read_text(tmp_path, path.read_text(encoding="utf-8")).roots
        assert root.doubt == "spack.yaml:4: 'include' is not supported"
        return
    with pytest.raises(PageError) as error:
        read_text(tmp_path, text)

    assert message in error.value.message
    assert error.value.line == line


def test_a_million_combinations_are_refused_before_any_is_made(tmp_path: Path) -> None:
    """They are counted, the limit is named, and the matrix's line."""
    row = f"[{', '.join(f'a{n}' for n in range(100))}]"
    with pytest.raises(PageError) as error:
        read_text(tmp_path, f"spack:\n  specs:\n  - zlib\n  - matrix: [{row}, {row}, {row}]\n")

    assert error.value.message == "expected at most 10,000 combinations, found 1,000,000"
    assert error.value.line == 4


def test_lists_that_double_are_refused(tmp_path: Path) -> None:
    """Thirty definitions, each twice the one above, would be a billion specs."""
    lines = ["- d0: [x, x]", *(f"- d{n}: [$d{n - 1}, $d{n - 1}]" for n in range(1, 30))]
    text = "spack:\n  definitions:\n" + "".join(f"  {line}\n" for line in lines)
    with pytest.raises(PageError, match="expected at most 10,000 combinations, found 16,384"):
        read_text(tmp_path, text + "  specs: [$d29]\n")


def test_a_long_chain_of_lists_is_refused(tmp_path: Path) -> None:
    """Each refers to the one above: nothing overflows."""
    lines = ["- d0: [x]", *(f"- d{n}: [$d{n - 1}]" for n in range(1, 2000))]
    text = "spack:\n  definitions:\n" + "".join(f"  {line}\n" for line in lines)
    with pytest.raises(PageError, match="expected at most 50 lists in each other, found more"):
        read_text(tmp_path, text)


def test_a_group_may_be_a_matrix(tmp_path: Path) -> None:
    """Spack's short form of a group of one matrix; `explicit` changes nothing of what is meant."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          specs:
          - group: pair
            explicit: false
            matrix:
            - [a]
            - [+x, +y]
            exclude: [+y]
          - matrix: [[b]]
          -
        """,
    )

    assert [(root.group, root.spec) for root in stack.roots] == [("default", "b"), ("pair", "a +x")]


def test_a_group_with_an_unknown_key_leaves_a_doubt(tmp_path: Path) -> None:
    """Its specs may be meant for some only; what it needs must be there."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          specs:
          - group: g
            only: sometimes
            needs: [h]
            specs: [a]
        """,
    )

    assert [root.doubt for root in stack.roots] == ["spack.yaml:4: 'only' is not supported"]
    assert stack.notes == [
        "spack.yaml:4: 'only' is not supported",
        "spack.yaml:5: needs group 'h', which there is not",
    ]
