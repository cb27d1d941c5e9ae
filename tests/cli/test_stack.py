"""`cache-coverage stack` as users run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command as run
from tests.stacks import write_stack

NEWEST = "develop-2025-03-30"
E4S = """\
    spack:
      include: [../missing.yaml]
      packages:
        all:
          require: [target=x86_64_v3]
      specs:
      - adiak
      - adiak@0.5
      - rocblas ~tensile
      - argobots ^zlib
      - cmake
"""


def stack(*arguments: str | Path, status: int = 0) -> tuple[list[dict[str, Any]], str]:
    """Run `stack`; return its rows and what it says."""
    result = run("stack", *arguments, "--format", "json")
    assert result.returncode == status, result.stderr
    return json.loads(result.stdout), result.stderr


def test_each_root_is_a_row(sample: Path, tmp_path: Path) -> None:
    """The columns, a note on what could not be read, and one line that sums it up."""
    file = write_stack(tmp_path / "e4s", E4S)
    rows, said = stack(file, "--out", sample)

    assert [(row["spec"], row["state"], row["reason"], row["spec_count"]) for row in rows] == [
        ("adiak", "present", None, 2),
        ("adiak@0.5", "missing", "version", 0),
        ("rocblas ~tensile", "missing", "variants", 0),
        ("argobots ^zlib", "unknown", "dependency: ^zlib: dependencies are unknown", 0),
        ("cmake", "missing", "package", 0),
    ]
    assert rows[0] == {
        "stack": "e4s",
        "group": "default",
        "spec": "adiak",
        "state": "present",
        "reason": None,
        "spec_count": 2,
        "hashes": rows[0]["hashes"],
        "requirements_met": True,
        "preferences_met": True,
        "unmet": [],
        "also_in": rows[0]["also_in"],
        "file": str(file),
        "line": 7,
    }
    assert said == (
        f"note: {file}:2: include ../missing.yaml is not there; it may hide definitions and "
        f"requirements\n{file}: 1 of 5 roots present (20.0 %), 0 only without what is required, "
        f"3 missing, 1 unknown; {NEWEST}\n"
    )


def test_missing_roots_fail_a_job(sample: Path, tmp_path: Path) -> None:
    """Exit status 4 with --fail-on-missing; what is only unknown does not fail."""
    file = write_stack(tmp_path / "e4s", E4S)
    _, said = stack(file, "--out", sample, "--fail-on-missing", status=4)
    unknown = write_stack(tmp_path / "u" / "e4s", "spack:\n  specs: [adiak, argobots ^zlib]\n")
    stack(unknown, "--out", sample, "--fail-on-missing")
    unmet = write_stack(
        tmp_path / "r" / "e4s",
        "spack:\n  packages: {adiak: {require: +nothing}}\n  specs: [adiak]\n",
    )
    _, said_of_unmet = stack(unmet, "--out", sample, "--fail-on-missing", status=4)

    assert said.endswith(
        f"error: e4s in {NEWEST}: 3 of 5 roots missing, 0 only without what is required\n"
    )
    assert said_of_unmet.endswith(
        f"error: e4s in {NEWEST}: 0 of 1 roots missing, 1 only without what is required\n"
    )


def test_markdown_sums_up_for_a_job(sample: Path, tmp_path: Path) -> None:
    """A title, counts by group, what is absent, and every root folded away."""
    file = write_stack(
        tmp_path / "e4s", "spack:\n  specs:\n  - adiak\n  - {group: b*d, specs: [cmake]}\n"
    )
    result = run("stack", file, "--out", sample, "--format", "markdown")
    lines = result.stdout.splitlines()

    assert lines[:12] == [
        f"## e4s in {NEWEST}",
        "",
        "1 of 2 roots present (50.0 %), 0 only without what is required, 1 missing, 0 unknown.",
        "",
        "| group | roots | present | as preferred | unmet | missing | unknown |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| default | 1 | 1 | 1 | 0 | 0 | 0 |",
        "| b\\*d | 1 | 0 | 0 | 0 | 1 | 0 |",
        "",
        "### Not present",
        "",
        "| stack | group | spec | state | reason | spec_count | hashes | requirements_met "
        "| preferences_met | unmet | also_in | file | line |",
    ]
    assert lines[13].startswith("| e4s | b\\*d | cmake | missing | package | 0 |")
    assert lines[15] == "<details><summary>Every root</summary>"
    assert lines[-1] == "</details>"


def test_the_stack_is_the_folder_unless_named(sample: Path, tmp_path: Path) -> None:
    """A stack that the snapshot lacks has nothing, and a warning says what to do."""
    file = write_stack(tmp_path / "e4z", "spack: {specs: [adiak]}\n")
    (unknown,), said = stack(file, "--out", sample)
    (named,), _ = stack(file, "--out", sample, "--stack", "e4s")
    (anywhere,), _ = stack(file, "--out", sample, "--any-stack")
    older, _ = stack(file, "--out", sample, "--stack", "e4s", "--tag", "develop-2025-03-16")

    assert (unknown["stack"], unknown["state"]) == ("e4z", "missing")
    assert said.startswith(
        f"warning: {NEWEST} has no stack 'e4z', so none of the roots is present; name another "
        "with --stack, or count all with --any-stack: did you mean e4s"
    )
    assert (named["stack"], named["state"]) == ("e4s", "present")
    assert (anywhere["stack"], anywhere["state"]) == ("e4z", "present")
    assert older[0]["hashes"] != named["hashes"]


def test_a_stack_of_other_snapshots_has_none_of_its_roots(sample: Path, tmp_path: Path) -> None:
    """That is the answer, with status 4 for CI; only a name that no snapshot has is refused."""
    file = write_stack(tmp_path, "spack: {specs: [adiak]}\n")
    named = (file, "--out", sample, "--stack", "tutorial", "--fail-on-missing")
    (gone,), said = stack(*named, status=4)

    assert (gone["stack"], gone["state"]) == ("tutorial", "missing")
    assert said.startswith(f"warning: {NEWEST} has no stack 'tutorial', so none of the roots")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spack: [\n", ":2: expected YAML, found: did not find expected node content"),
        (
            "a: 1\n",
            ":1: expected an environment file, with 'spack:' on top; found none; "
            "name the spack.yaml of an environment",
        ),
        (
            '{"spack": {"version": "1.2"}, "roots": [], "concrete_specs": {}}',
            ":1: expected an environment file, found a lock file, which 'cache-coverage lock' "
            "reads; name the spack.yaml of an environment",
        ),
        ("spack: {specs: [$a]}\n", ":1: $a: expected a list that is defined above, found none"),
    ],
)
def test_a_file_that_is_not_an_environment_fails(
    sample: Path, tmp_path: Path, text: str, said: str
) -> None:
    """Exit status 1: the file, the line, what was expected and what to do."""
    file = write_stack(tmp_path, text)
    result = run("stack", file, "--out", sample)

    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {file}{said}")
    assert result.stdout == ""


def test_a_file_without_specs_has_no_roots(sample: Path, tmp_path: Path) -> None:
    """A warning says why there are no rows."""
    file = write_stack(tmp_path / "e4s", "spack:\n  specs:\n")
    rows, said = stack(file, "--out", sample)

    assert rows == []
    assert f"warning: {file}: its section 'specs' is empty or missing" in said


def test_a_folder_stands_for_its_environment_file(sample: Path, tmp_path: Path) -> None:
    """As for Spack itself, an environment is its folder."""
    file = write_stack(tmp_path / "e4s", "spack: {specs: [adiak]}\n")

    assert stack(file.parent, "--out", sample) == stack(file, "--out", sample)


def test_the_documents_show_what_stack_prints(sample: Path) -> None:
    """The output in docs/stacks.md is the beginning of that for the sample."""
    root = Path(__file__).parents[2]
    result = run(
        "stack", "tests/environments/e4s", "--format", "markdown", "--out", sample, cwd=root
    )

    beginning = result.stdout.partition("\n### Not present")[0]
    assert beginning.count("\n") == 8
    assert beginning in (root / "docs" / "stacks.md").read_text(encoding="utf-8")


def test_wrong_usage(sample: Path, tmp_path: Path) -> None:
    """One stack, or all; a snapshot, a stack and a file that there are."""
    file = write_stack(tmp_path, "spack: {specs: [adiak]}\n")

    both = run("stack", file, "--stack", "a", "--any-stack", "--out", sample)
    no_tag = run("stack", file, "--tag", "develop", "--out", sample)
    no_stack = run("stack", file, "--stack", "e4z", "--out", sample)
    no_file = run("stack", tmp_path / "nothing.yaml", "--out", sample)
    statuses = [result.returncode for result in (both, no_tag, no_stack, no_file)]
    assert statuses == [2, 1, 1, 1]
    assert no_stack.stderr.startswith("error: no stack 'e4z': did you mean e4s")
    assert no_file.stderr == (
        f"error: {tmp_path / 'nothing.yaml'}: can't be read: No such file or directory; "
        "name the spack.yaml of an environment\n"
    )
