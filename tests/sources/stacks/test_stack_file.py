"""Environment files: conditions, includes, what is asked of packages, and hostile YAML."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.sources.rejects import PageError
from pipeline.sources.stacks.conditions import ConditionError, evaluate
from pipeline.sources.stacks.document import merge
from pipeline.sources.stacks.files import is_stack_file, stack_name
from pipeline.sources.stacks.rules import Rule
from pipeline.sources.stacks.stack_file import (
    Root,
    read_stack,
    read_stack_alone,
)
from tests.stacks import MACHINE, read_text, specs_of, write_stack


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('os == "ubuntu22.04"', True),
        ('platform != "linux"', False),
        ('target in ("zen3", "zen4")', True),
        ('target not in ["zen3"]', False),
        ('"zen" in target', True),
        ('arch.satisfies("target=x86_64_v3:")', True),
        ('architecture.satisfies("os=centos7")', False),
        ('arch_str == "linux-ubuntu22.04-zen3" == arch', True),
        ('re.search("^login[0-9]+", hostname)', True),
        ('re.match("site", hostname)', False),
        ('re.fullmatch("login01.site", hostname) and True', True),
        ('re.search("(a+)+$", "' + "a" * 40 + 'b")', False),
        ('env["SITE"] == "home"', True),
        ('env.get("NONE") is None', True),
        ('env.get("NONE", "x") == "x"', True),
        ('not hostname.startswith("login") or hostname.upper() == "LOGIN01.SITE"', True),
        ("True", True),
    ],
)
def test_conditions_ask_of_the_machine(condition: str, expected: bool) -> None:
    """The documented variables, in Python's terms."""
    assert evaluate(condition, MACHINE) is expected


@pytest.mark.parametrize(
    "condition",
    [
        '__import__("os").system("true")',
        "().__class__.__bases__",
        '"a" * 10**9',
        "[x for x in (1,)]",
        'env["NONE"] == "x"',
        "unknown == 1",
        "os ==",
        'arch.satisfies("++x")',
        're.search("(?=a)", hostname)',
        "platform in 3",
        "lambda: 1",
        "not " * 600 + "True",
        "hostname.format(1)",
    ],
)
def test_conditions_run_nothing(condition: str) -> None:
    """What is not known is told, whatever Python would do."""
    with pytest.raises(ConditionError):
        evaluate(condition, MACHINE)


def test_includes_define_lists_and_requirements(tmp_path: Path) -> None:
    """Files and folders, nested, by variables and conditions; the file's own come first."""
    write_stack(tmp_path / "common", "packages:\n  all:\n    require: [+b]\n", "packages.yaml")
    write_stack(tmp_path / "common", "include: [../deep.yaml]\n", "include.yaml")
    write_stack(tmp_path, "definitions:\n- tools: [ninja]\n", "deep.yaml")
    write_stack(tmp_path, "packages:\n  zlib:\n    require: '+c'\n", "zen3.yaml")
    stack = read_text(
        tmp_path / "stack",
        """\
        spack:
          include:
          - ../common
          - path: $env/../$target.yaml
            when: platform == "linux"
          - path: ../nothing.yaml
            optional: true
          - path: ../nothing.yaml
            when: platform == "darwin"
          definitions:
          - tools: [cmake]
          packages:
            all:
              require: [+a]
          specs: [$tools, zlib]
        """,
    )

    assert [(root.spec, str(root.place)) for root in stack.roots] == [
        ("cmake", "spack.yaml:11"),
        ("ninja", "../deep.yaml:2"),
        ("zlib", "spack.yaml:15"),
    ]
    assert [rule.specs for rule in stack.roots[0].rules.requirements] == [("+a",), ("+b",)]
    assert [rule.specs for rule in stack.roots[2].rules.requirements] == [("+c",)]
    assert stack.notes == [
        "spack.yaml:8: include ../nothing.yaml left out: 'platform == \"darwin\"' is false here"
    ]


def test_what_an_include_may_hide_is_reported(tmp_path: Path) -> None:
    """A URL, a missing or broken file, a circle, an unknown variable: each with its place."""
    write_stack(tmp_path, "a: [\n", "broken.yaml")
    write_stack(tmp_path, "include: [circle.yaml]\nconfig: {}\nspecs: [a]\n", "circle.yaml")
    stack = read_text(
        tmp_path,
        """\
        spack:
          include:
          - https://example.org/packages.yaml
          - path: https://example.org/packages.yaml
            sha256: aa
          - git: https://example.org/configs.git
            paths: [a.yaml]
          - missing/
          - broken.yaml
          - circle.yaml
          - $spack/etc
          - path: circle.yaml
            when: nothing
          - path: circle.yaml
            never: true
          specs: [$tools]
        """,
    )

    hides = "; it may hide definitions and requirements"
    assert stack.notes == [
        f"spack.yaml:3: include https://example.org/packages.yaml is not read: nothing is "
        f"downloaded{hides}",
        f"spack.yaml:4: include https://example.org/packages.yaml is not read: nothing is "
        f"downloaded{hides}",
        f"spack.yaml:6: include https://example.org/configs.git is not read: nothing is "
        f"downloaded{hides}",
        f"spack.yaml:8: include missing/ is not there{hides}",
        "spack.yaml:9: include broken.yaml can't be read: broken.yaml:2: expected YAML, found: "
        f"did not find expected node content{hides}",
        "circle.yaml:3: section 'specs' is not supported",
        f"circle.yaml:1: include circle.yaml includes itself{hides}",
        f"spack.yaml:11: include $spack/etc is not read: nothing is downloaded{hides}",
        "spack.yaml:12: include circle.yaml is not read: when 'nothing': 'nothing' is not "
        f"supported{hides}",
        f"spack.yaml:14: include circle.yaml is not read: 'never' is not supported{hides}",
    ]
    assert [root.doubt for root in stack.roots] == [
        "no list tools; https://example.org/packages.yaml, not read, may define it"
    ]


def test_unknown_sections_are_reported(tmp_path: Path) -> None:
    """Spack's own sections that say nothing of specs are passed by."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          view: false
          config: {}
          ci: {}
          concretizer:: {}
          future: {}
          specs: [a]
        other: 1
        """,
    )

    assert stack.notes == [
        "spack.yaml:8: 'other' beside 'spack:' is not read",
        "spack.yaml:6: section 'future' is not supported",
    ]


def rules(root: Root) -> tuple[list[Rule], list[Rule]]:
    return list(root.rules.requirements), list(root.rules.preferences)


def test_a_packages_own_requirement_replaces_that_of_all(tmp_path: Path) -> None:
    """What a group overrides comes first; preferences are apart; virtual ones bind providers."""
    stack = read_text(
        tmp_path,
        """\
        spack:
          packages:
            all:
              require: ['%gcc', target=x86_64_v3]
              variants: +mpi
              providers: {mpi: [mpich, openmpi]}
            mpi:
              require: mpich
            hdf5:
              require:
              - one_of: [+a, +b]
              - spec: +hl
                when: '@1.14:'
              version: [1.14.5]
            zlib:
              require: zlib@1.3
          specs:
          - hdf5
          - xz
          - group: gpu
            specs: [hdf5, xz]
            override:
              packages:
                all: {require: [~rocm], prefer: [+cuda], conflict: ['@:1']}
                hdf5: {'require:': '+only'}
        """,
    )
    mpi = Rule("one_of", "mpi", ("mpich",))
    variants = Rule("variants", "all", ("+mpi",))
    providers = Rule("providers", "mpi", ("mpich", "openmpi"))
    gcc = Rule("one_of", "all", ("%gcc",))
    target = Rule("one_of", "all", ("target=x86_64_v3",))

    assert [rules(root) for root in stack.roots] == [
        (
            [Rule("one_of", "hdf5", ("+a", "+b")), Rule("one_of", "hdf5", ("+hl",), "@1.14:"), mpi],
            [variants, Rule("version", "hdf5", ("@1.14.5",)), providers],
        ),
        ([gcc, target, mpi], [variants, providers]),
        (
            [Rule("one_of", "hdf5", ("+only",)), Rule("conflict", "all", ("@:1",)), mpi],
            [
                Rule("prefer", "all", ("+cuda",)),
                variants,
                Rule("version", "hdf5", ("@1.14.5",)),
                providers,
            ],
        ),
        (
            [
                Rule("one_of", "all", ("~rocm",)),
                gcc,
                target,
                Rule("conflict", "all", ("@:1",)),
                mpi,
            ],
            [Rule("prefer", "all", ("+cuda",)), variants, providers],
        ),
    ]


@pytest.mark.parametrize(
    ("low", "high", "merged"),
    [
        ({"a": [1]}, {"a": [2]}, {"a": [2, 1]}),
        ({"a": [1]}, {"a+": [2]}, {"a": [1, 2]}),
        ({"a": [1]}, {"a-": [2]}, {"a": [2, 1]}),
        ({"a": [1]}, {"a:": [2]}, {"a": [2]}),
        ({"a": "x"}, {"a": ["y"]}, {"a": ["y"]}),
        ({"a": "x"}, {"a": None}, {"a": "x"}),
        ({"a": {"b": "x", "c": "y"}}, {"a": {"b": "z"}}, {"a": {"b": "z", "c": "y"}}),
        ({}, {"a:": {"b:": "x"}}, {"a": {"b": "x"}}),
    ],
)
def test_scopes_are_merged(low: object, high: object, merged: object) -> None:
    """Lists of the higher scope come first, unless its key says otherwise."""
    assert merge(low, high) == merged


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    """An alias stands for what it names, in lists and in mappings."""
    specs = specs_of(
        tmp_path,
        """\
        spack:
          definitions:
          - a: &list [x, y]
          - b: *list
          specs:
          - matrix: &rows
            - [p]
            - *list
          - <<: {exclude: [p+x]}
            matrix: *rows
          - $b
        """,
    )

    assert specs == ["p x", "p y", "p x", "p y", "x", "y"]


@pytest.mark.parametrize(
    ("data", "code", "line", "message"),
    [
        (b"spack: [\n", "bad-yaml", 2, "expected YAML"),
        (b"spack: {}\n---\nspack: {}\n", "bad-yaml", 2, "a second document"),
        (b"spack:\n  a: &a [*a]\n", "bad-yaml", 2, "an alias of what is not complete"),
        (b"spack:\n  a: *a\n", "bad-yaml", 2, "an alias of what is not complete"),
        (b"spack: !!python/object:os.system {}\n", "bad-yaml", 1, "the tag 'tag:yaml"),
        (b"spack: !include other.yaml\n", "bad-yaml", 1, "the tag '!include'"),
        (b"spack:\n  a: 1\n  a: 2\n", "bad-yaml", 3, "expected a key once, found 'a' again"),
        (b"spack:\n  [a]: 1\n", "wrong-type", 2, "expected a key that is text"),
        (b"spack:\n  <<: a\n", "wrong-type", 2, "expected a mapping after <<"),
        (b"spack:\n  a: \xff\n", "not-utf8", 2, "found byte 0xff"),
        (b"", "missing-key", 1, "expected an environment file"),
        (b"spack: " + b"[" * 5000, "bad-value", 1, "expected at most 50 levels"),
        (b"spack: " + b"x" * 1024 * 1024, "bad-value", 1, "expected at most 1048576 bytes"),
    ],
)
def test_broken_files_are_refused(
    tmp_path: Path, data: bytes, code: str, line: int, message: str
) -> None:
    """Each with its code and line, and nothing hangs."""
    path = tmp_path / "spack.yaml"
    path.write_bytes(data)
    with pytest.raises(PageError) as error:
        read_stack(path, "spack.yaml", MACHINE)

    assert (error.value.code, error.value.line) == (code, line)
    assert message in error.value.message


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    pipe = tmp_path / "spack.yaml"
    os.mkfifo(pipe)
    with pytest.raises(SourceError, match=r"spack.yaml: can't be read: not a regular file"):
        read_stack_alone(pipe, MACHINE)


def test_environment_files_are_known(tmp_path: Path) -> None:
    """By their name, or by their first key; their stack is called as their folder."""
    path = write_stack(tmp_path / "e4s", "packages: {}\n")

    assert is_stack_file(path)
    assert stack_name(path) == "e4s"
    assert is_stack_file(write_stack(tmp_path, "# ours\nspack:\n  specs: []\n", "ours.yaml"))
    assert not is_stack_file(write_stack(tmp_path, "packages: {}\n", "packages.yaml"))
    assert not is_stack_file(write_stack(tmp_path, "spack:\n", "page.md"))
    assert not is_stack_file(tmp_path)


def test_aliases_of_aliases_are_refused(tmp_path: Path) -> None:
    """Thirty levels that double, in matrices and in packages: told at once."""
    levels = ["- &m0 {matrix: [[x]]}"]
    levels += [f"- &m{n} {{matrix: [[*m{n - 1}], [*m{n - 1}]]}}" for n in range(1, 30)]
    with pytest.raises(PageError, match="expected at most 100,000 steps to expand lists in lists"):
        read_text(tmp_path, "spack:\n  specs:\n" + "".join(f"  {line}\n" for line in levels))
    levels = ["- &l0 [x]", *(f"- &l{n} [*l{n - 1}, *l{n - 1}]" for n in range(1, 30))]
    text = "".join(f"      {line}\n" for line in levels)
    with pytest.raises(PageError, match="expected at most 100,000 values, found more"):
        read_text(tmp_path, f"spack:\n  packages:\n    all:\n      require:\n{text}")
