"""The commands that ask: package, usable and diff, and which snapshot is meant."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.tables.targets import this_machine
from tests.conftest import run_command as run
from tests.rows import WEEK_1, WEEK_2, Spec, ask, open_views

README = (Path(__file__).parents[2] / "README.md").read_text()


def answer(*arguments: object) -> list[dict[str, object]]:
    """Give a command's rows."""
    result = run(*arguments, "--format", "json")
    assert result.returncode == 0, result.stderr
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


def test_newest_snapshots_are_one_of_each_kind() -> None:
    """Weeks go by date and releases by version; the week is meant where no tag is named."""
    tags = [WEEK_2, WEEK_1, "develop", "v0.9.0", "v0.10.0", "other"]
    rows = ask(open_views([Spec(tag=tag) for tag in tags]), "from newest_snapshots")

    assert rows == [
        ("other", "other", 4),
        ("release", "v0.10.0", 3),
        ("rolling", "develop", 2),
        ("weekly", WEEK_2, 1),
    ]


def test_package_tells_of_every_environment(sample: Path) -> None:
    """Each environment of the newest snapshot is there once: built, compatible or missing."""
    rows = answer("package", "rocblas", "--out", sample)

    assert len(rows) == 9
    assert [row for row in rows if row["state"] == "built"] == [
        {
            "platform": "linux",
            "os": os,
            "target": "x86_64_v3",
            "state": "built",
            "usable_target": None,
            "versions": [version],
            "compilers": [compiler],
            "stacks": [stack],
            "spec_count": 1,
        }
        for os, version, compiler, stack in (
            ("ubuntu22.04", "6.3.2", "gcc@11.4.0", "e4s"),
            ("ubuntu24.04", "6.1.2", "gcc@13.2.0", "ml-linux-x86_64-rocm"),
        )
    ]


def test_package_of_an_older_snapshot(sample: Path) -> None:
    """With --tag another snapshot answers."""
    rows = answer("package", "zlib", "--tag", "develop-2025-03-16", "--out", sample)

    assert [row["os"] for row in rows if row["state"] == "built"] == [
        "sequoia",
        "ubuntu22.04",
        "ubuntu24.04",
    ]


def test_usable_is_what_readme_shows(sample: Path) -> None:
    """A Zen 4 host gets the binaries for x86_64_v3, as README prints it."""
    command = re.search(r"\$ cache-coverage (usable .*)\n", README)
    assert command

    assert run(*command[1].split(), "--out", sample).stdout in README


def test_usable_asks_for_this_machine(sample: Path) -> None:
    """Without --target it is this machine's target that counts."""
    here = answer("usable", "--os", "ubuntu22.04", "--out", sample)
    named = answer("usable", "--os", "ubuntu22.04", "--target", this_machine(), "--out", sample)

    assert here == named


def test_diff_has_what_was_lost_first(sample: Path) -> None:
    """16 cells went and 19 were rebuilt from the second week to the third."""
    rows = answer("diff", "develop-2025-03-23", "develop-2025-03-30", "--out", sample)

    assert [row["change"] for row in rows] == ["lost"] * 16 + ["rebuilt"] * 19
    assert {row["cause"] for row in rows} == {"package dropped", None}


def test_a_loss_can_fail(sample: Path) -> None:
    """With --fail-on-loss a lost cell is status 4, its rows printed; without a loss it is 0."""
    tags = ["develop-2025-03-23", "develop-2025-03-30"]

    lost = run("diff", *tags, "--fail-on-loss", "--out", sample)
    same = run("diff", tags[0], tags[0], "--fail-on-loss", "--out", sample)

    assert (lost.returncode, same.returncode) == (4, 0)
    assert "16 cells lost" in lost.stderr
    assert "package dropped" in lost.stdout
    assert "(0 rows)" in same.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["package", "zlb"], "no package 'zlb': did you mean zlib"),
        (
            ["package", "zlib"],
            "no package 'zlib' in develop-2025-03-30: it is in develop-2025-03-16",
        ),
        (["package", "zlib", "--tag", "develop-2025-03-6"], "no snapshot 'develop-2025-03-6'"),
        (["package", "\x1b[31m"], r"no package '\x1b[31m': there are"),
        (["usable", "--os", "ubuntu2204"], "no os 'ubuntu2204': did you mean ubuntu22.04"),
        (
            ["usable", "--os", "ubuntu22.04", "--target", "zen44"],
            "no target 'zen44': did you mean zen4",
        ),
        (
            ["usable", "--os", "ubuntu22.04", "--target", "zen4", "nccl", "cudda"],
            "no package 'cudda': did you mean cuda",
        ),
        (["diff", "develop-2025-03-23", "v1"], "no snapshot 'v1'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_closest(
    sample: Path, arguments: list[str], words: str
) -> None:
    """Status 1, and what was perhaps meant."""
    result = run(*arguments, "--out", sample)

    assert result.returncode == 1
    assert words in result.stderr
    assert result.stdout == ""
