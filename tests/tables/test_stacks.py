"""Environment files as sources: table stack_roots, its states, and what changes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import run_command
from tests.stacks import write_stack
from tests.writing import SAMPLE

E4S = "spack:\n  specs: [adiak, cmake]\n"
COUNT = "select stack, count(*) as n from stack_roots group by all order by all"


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    """Write a folder of two stacks."""
    write_stack(tmp_path / "stacks" / "e4s", E4S)
    write_stack(tmp_path / "stacks" / "deep" / "hep", "spack:\n  specs: [zlib]\n")
    return tmp_path / "stacks"


def roots(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "tables" / "stack_roots" / "*.parquet")


def ask(out: Path, query: str) -> list[dict[str, Any]]:
    built = run_command("build", "--out", out)
    assert built.returncode == 0, built.stderr
    found = run_command("query", query, "--out", out, "--format", "json")
    assert found.returncode == 0, found.stderr
    rows: list[dict[str, Any]] = json.loads(found.stdout)
    return rows


def test_stacks_are_sources_beside_a_cache(tmp_path: Path, stacks: Path) -> None:
    """A folder is searched at any depth; the states are there once the database is built."""
    out = tmp_path / "out"
    result = run_command("flatten", SAMPLE, stacks, "--out", out)

    assert result.returncode == 0, result.stderr
    assert f"{out / 'tables' / 'stack_roots'}: 2 stacks, 3 roots\n" in result.stderr
    assert roots(out).select("stack", "number", "spec", "file", "line").rows() == [
        ("e4s", 1, "adiak", "e4s/spack.yaml", 2),
        ("e4s", 2, "cmake", "e4s/spack.yaml", 2),
        ("hep", 1, "zlib", "deep/hep/spack.yaml", 2),
    ]
    states = ask(
        out,
        "select tag, stack, number, state, reason, also_in from stack_states "
        "where tag = 'develop-2025-03-30' order by all",
    )
    assert [tuple(row.values()) for row in states] == [
        ("develop-2025-03-30", "e4s", 1, "present", None, states[0]["also_in"]),
        ("develop-2025-03-30", "e4s", 2, "missing", "package", []),
        ("develop-2025-03-30", "hep", 1, "missing", "package", []),
    ]


def test_the_command_and_the_table_agree(tmp_path: Path, stacks: Path) -> None:
    """One implementation serves both."""
    out = tmp_path / "out"
    run_command("flatten", SAMPLE, stacks, "--out", out)
    columns = "state, reason, spec_count, hashes, requirements_met, preferences_met, also_in"
    rows = ask(
        out,
        f"select {columns} from stack_states "
        "where tag = 'develop-2025-03-30' and stack = 'e4s' order by number",
    )
    file = stacks / "e4s" / "spack.yaml"
    told = run_command("stack", file, "--out", out, "--format", "json")

    assert [{name: row[name] for name in rows[0]} for row in json.loads(told.stdout)] == rows


def test_stacks_alone_leave_the_snapshots(tmp_path: Path, stacks: Path) -> None:
    """And a run without any leaves them; those of a run replace all earlier ones."""
    out = tmp_path / "out"
    run_command("flatten", SAMPLE, stacks, "--out", out)
    alone = run_command("flatten", stacks / "e4s" / "spack.yaml", "--out", out)
    pages = run_command("flatten", SAMPLE, "--out", out)

    assert alone.returncode == pages.returncode == 0
    assert "209 specs in 3 snapshots" in alone.stderr
    assert roots(out)["stack"].to_list() == ["e4s", "e4s"]
    replaced = run_command("flatten", SAMPLE, "--replace", "--out", out)
    assert "stack_roots" not in replaced.stderr
    assert roots(out).is_empty()


def test_only_what_changed_is_published(tmp_path: Path, stacks: Path) -> None:
    """The same files change nothing; a changed include changes its stack."""
    out = tmp_path / "out"
    write_stack(stacks, "packages: {all: {require: [+x]}}\n", "packages.yaml")
    write_stack(stacks / "e4s", "spack:\n  include: [../packages.yaml]\n  specs: [adiak]\n")
    run_command("flatten", stacks, "--out", out)
    file = next((out / "tables" / "stack_roots").glob("*.parquet"))
    first = file.stat().st_ino
    run_command("flatten", stacks, "--out", out)
    again = file.stat().st_ino
    write_stack(stacks, "packages: {all: {require: [+y]}}\n", "packages.yaml")
    run_command("flatten", stacks, "--out", out)

    assert again == first
    assert file.stat().st_ino != first
    requirements = roots(out).filter(stack="e4s")["requirements"].to_list()
    assert [rule["specs"] for rule in requirements[0]] == [["+y"]]


@pytest.mark.slow
def test_a_snapshot_is_judged_again_when_it_changed(tmp_path: Path, stacks: Path) -> None:
    """What a build judged is kept by snapshot: a new file of roots makes it out of date."""
    out = tmp_path / "out"
    run_command("flatten", SAMPLE, stacks, "--out", out)
    query = "select count(*) as n from stack_states where state = 'present'"
    before = ask(out, query)
    kept = {file: file.stat().st_ino for file in (out / "tables" / ".state").glob("intent-*")}
    ask(out, query)
    run_command("build", "--check-all", "--out", out)
    same = {file: file.stat().st_ino for file in (out / "tables" / ".state").glob("intent-*")}
    write_stack(stacks / "e4s", "spack:\n  specs: [cmake]\n")
    run_command("flatten", stacks, "--out", out)
    after = ask(out, query)

    assert len(kept) == 3
    assert same == kept
    assert (before, after) == ([{"n": 3}], [{"n": 0}])


@pytest.mark.slow
def test_broken_files_are_rejected_beside_good_ones(tmp_path: Path, stacks: Path) -> None:
    """Each with its code and line; they stay rejected while other sources are read."""
    out = tmp_path / "out"
    write_stack(stacks / "broken", "spack:\n  specs: [\n")
    write_stack(stacks / "other" / "hep", "spack: {specs: [zlib]}\n")
    first = run_command("flatten", SAMPLE, stacks, "--out", out)
    run_command("flatten", SAMPLE, "--out", out)
    rows = ask(out, "select page, line, code, message, stack from rejects order by page")
    strict = run_command("flatten", stacks, "--strict", "--out", out)

    assert "warning: 2 rejected (" in first.stderr
    assert "broken/spack.yaml (stack broken): expected YAML" in first.stderr
    assert [tuple(row.values()) for row in rows] == [
        (
            "broken/spack.yaml",
            3,
            "bad-yaml",
            "expected YAML, found: did not find expected node content",
            "broken",
        ),
        (
            "other/hep/spack.yaml",
            1,
            "duplicate-page",
            "expected one environment file for stack hep, found deep/hep/spack.yaml before it",
            "hep",
        ),
    ]
    assert strict.returncode == 3
    (stacks / "broken" / "spack.yaml").unlink()
    (stacks / "other" / "hep" / "spack.yaml").unlink()
    run_command("flatten", stacks, "--out", out)
    assert ask(out, "from rejects") == []


def test_a_broken_file_alone_changes_nothing(tmp_path: Path, stacks: Path) -> None:
    """Exit status 1: what, where; the stacks that are there stay."""
    out = tmp_path / "out"
    run_command("flatten", stacks, "--out", out)
    broken = write_stack(tmp_path / "broken", "spack: [\n")
    result = run_command("flatten", broken, "--out", out)

    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {broken}: nothing to read\n{broken}: expected YAML")
    assert roots(out).height == 3


def test_a_lone_file_may_be_named(tmp_path: Path, stacks: Path) -> None:
    """--name calls its stack; of several it is refused."""
    out = tmp_path / "out"
    file = stacks / "e4s" / "spack.yaml"
    named = run_command("flatten", file, "--name", "mine", "--out", out)
    several = run_command("flatten", file, file, "--name", "mine", "--out", out)

    assert named.returncode == 0, named.stderr
    assert set(roots(out)["stack"]) == {"mine"}
    assert set(roots(out)["file"]) == {str(file)}
    assert several.returncode == 2


def test_links_out_of_a_source_are_not_followed(tmp_path: Path) -> None:
    """Unless that is asked for."""
    out = tmp_path / "out"
    outside = write_stack(tmp_path / "outside", "spack: {specs: [zlib]}\n")
    source = tmp_path / "source"
    write_stack(source / "e4s", E4S)
    (source / "linked").mkdir()
    (source / "linked" / "spack.yaml").symlink_to(outside)
    run_command("flatten", source, "--out", out)
    inside = set(roots(out)["stack"])
    run_command("flatten", source, "--follow-links", "--out", out)

    assert inside == {"e4s"}
    assert set(roots(out)["stack"]) == {"e4s", "outside"}
