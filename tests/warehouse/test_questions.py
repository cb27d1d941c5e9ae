"""The query commands: package, usable and diff, and the default snapshot."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.hosts import this_target
from tests.conftest import run_command as run
from tests.rows import WEEK_1, WEEK_2, Spec, ask, open_views
from tests.writing import make_spec, site_page, write_pages

README = (Path(__file__).parents[2] / "README.md").read_text()


def answer(*arguments: object) -> list[dict[str, object]]:
    """Return a command's rows."""
    result = run(*arguments, "--format", "json")
    assert result.returncode == 0, result.stderr
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


def test_newest_snapshots_are_one_of_each_kind() -> None:
    """Weekly ones by date, releases by version; the newest weekly one is the default."""
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
            "os_match": "exact",
            "usable_os": None,
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


def test_package_takes_binaries_of_an_older_libc(sample: Path) -> None:
    """Each environment says whose binary would run there; with --exact-os only of the same OS."""
    arguments = ["package", "adiak", "--tag", "develop-2025-03-16", "--out", sample]
    found = {
        (row["os"], row["target"]): (row["os_match"], row["usable_os"], row["usable_target"])
        for row in answer(*arguments)
        if row["state"] == "compatible"
    }
    states = {row["state"] for row in answer(*arguments, "--exact-os")}

    assert found == {
        ("rhel8", "aarch64"): ("older libc", "amzn2", "aarch64"),
        ("rhel8", "x86_64_v3"): ("older libc", "ubuntu18.04", "x86_64_v3"),
        ("ubuntu20.04", "x86_64_v3"): ("older libc", "ubuntu18.04", "x86_64_v3"),
        ("ubuntu24.04", "aarch64"): ("older libc", "amzn2", "aarch64"),
        ("ubuntu24.04", "x86_64_v3"): ("older libc", "ubuntu22.04", "x86_64_v3"),
    }
    assert states == {"built", "missing"}


def test_package_for_a_host(sample: Path) -> None:
    """Only what the host can use, the nearest first; status 1 with the nearest if nothing."""
    arguments = ["package", "rocblas", "--target", "zen4", "--out", sample]
    rows = answer(*arguments, "--os", "ubuntu24.10")
    same_os = run(*arguments, "--os", "ubuntu24.10", "--exact-os")
    too_old = run(*arguments, "--os", "centos7")

    assert [(row["os"], row["state"], row["os_match"], row["versions"]) for row in rows] == [
        ("ubuntu22.04", "compatible", "older libc", ["6.3.2"]),
        ("ubuntu24.04", "compatible", "older libc", ["6.1.2"]),
    ]
    assert same_os.returncode == too_old.returncode == 1
    assert "rocblas: not available for centos7, zen4; nearest is ubuntu22.04" in too_old.stderr


def test_package_of_an_older_snapshot(sample: Path) -> None:
    """--tag selects another snapshot."""
    rows = answer("package", "zlib", "--tag", "develop-2025-03-16", "--out", sample)

    assert [row["os"] for row in rows if row["state"] == "built"] == [
        "sequoia",
        "ubuntu22.04",
        "ubuntu24.04",
    ]


def test_usable_is_what_readme_shows(sample: Path) -> None:
    """A Zen 4 host gets the binaries for x86_64_v3, as printed in README."""
    command = re.search(r"\$ cache-coverage (usable .*)\n", README)
    assert command

    assert run(*command[1].split(), "--out", sample).stdout in README


def test_usable_asks_for_this_machine(sample: Path) -> None:
    """The default target is this machine's."""
    here = answer("usable", "--os", "ubuntu22.04", "--out", sample)
    named = answer("usable", "--os", "ubuntu22.04", "--target", this_target(), "--out", sample)

    assert here == named


def test_diff_has_what_was_lost_first(sample: Path) -> None:
    """16 cells were lost and 19 rebuilt from the second week to the third."""
    rows = answer("diff", "develop-2025-03-23", "develop-2025-03-30", "--out", sample)

    assert [row["change"] for row in rows] == ["lost"] * 16 + ["rebuilt"] * 19
    assert {row["cause"] for row in rows} == {"package dropped", None}


def test_a_loss_can_fail(sample: Path) -> None:
    """With --fail-on-loss, a lost cell is status 4, with its rows printed; otherwise 0."""
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
            "zlib: not in develop-2025-03-30; it is in develop-2025-03-16; name one with --tag",
        ),
        (["package", "zlib", "--tag", "develop-2025-03-6"], "no snapshot 'develop-2025-03-6'"),
        (["package", "\x1b[31m"], r"no package '\x1b[31m': there are"),
        (
            ["usable", "--os", "ubuntu2204"],
            "no os 'ubuntu2204' (if its glibc is known, add --libc VERSION): "
            "did you mean ubuntu22.04",
        ),
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
    """Status 1 with suggestions."""
    result = run(*arguments, "--out", sample)

    assert result.returncode == 1
    assert words in result.stderr
    assert result.stdout == ""


def test_usable_ends_with_how_many_packages(sample: Path) -> None:
    """Of all packages of the snapshot, or of those given; --exact-os leaves out an older libc."""
    host = ["--target", "zen4", "--out", sample, "--format", "csv"]
    by_libc = run("usable", "--os", "ubuntu24.04", *host)
    same_os = run("usable", "--os", "ubuntu24.04", "--exact-os", *host)
    asked = run("usable", "--os", "ubuntu24.04", *host, "rocblas", "argobots")

    counts = [
        int(re.findall(r"(\d+) of 6 packages", result.stderr)[0]) for result in (by_libc, same_os)
    ]
    assert counts[0] >= counts[1] > 0
    assert {line.split(",")[6] for line in same_os.stdout.splitlines()[1:]} <= {"exact", "same os"}
    assert re.search(r"\d of 2 packages", asked.stderr)


def test_usable_never_ends_in_silence(sample: Path) -> None:
    """For each unavailable package, the nearest binary is named; if none is available, status 1."""
    result = run("usable", "--os", "centos6", "--target", "zen4", "rocblas", "--out", sample)

    assert result.returncode == 1
    assert (
        "rocblas: not available for centos6, zen4; nearest is ubuntu22.04, x86_64_v3"
        in result.stderr
    )
    assert "0 of 1 package\n" in result.stderr


def test_usable_names_the_snapshots_that_have_a_package(sample: Path) -> None:
    """For a package that the newest snapshot lacks, the snapshots that have it are named."""
    result = run("usable", "--os", "ubuntu22.04", "--target", "zen4", "zlib", "--out", sample)

    assert result.returncode == 1
    assert "zlib: not in develop-2025-03-30; it is in develop-2025-03-16" in result.stderr


def test_a_package_that_could_not_be_read_is_not_said_to_be_absent(tmp_path: Path) -> None:
    """`package`, `usable` and the report tell an unreadable page from one that is not there."""
    week, next_week = "develop-2025-03-23", "develop-2025-03-30"
    pages: dict[str, str | bytes] = {
        f"{tag}/{package}/specs.md": site_page(package, tag, [make_spec(number)])
        for tag in (week, next_week)
        for number, package in enumerate(("zlib", "nccl"))
    }
    pages[f"{next_week}/nccl/specs.md"] = "---\ntitle: nccl\n"
    assert run("flatten", write_pages(tmp_path / "in", pages), "--out", tmp_path).returncode == 0
    assert run("build", "--out", tmp_path).returncode == 0

    package = run("package", "nccl", "--out", tmp_path)
    usable = run("usable", "nccl", "--os", "ubuntu22.04", "--target", "zen4", "--out", tmp_path)
    report = run("report", "--out", tmp_path)
    said = f"nccl: not read (see table rejects) from {next_week}; it is in {week}"
    assert package.stderr == f"error: {said}; name one with --tag\n"
    assert said in usable.stderr
    assert f"{next_week}: 1 package and 1 unreadable, 1 spec" in report.stdout


def test_usable_of_an_unknown_os(sample: Path) -> None:
    """It is refused with a hint to give its glibc, by which it is then judged."""
    host = ["usable", "--os", "sles15", "--target", "zen4", "--out", sample]
    refused, judged = run(*host), run(*host, "--libc", "2.38")

    assert refused.returncode == 1
    assert "no os 'sles15'" in refused.stderr
    assert "--libc VERSION" in refused.stderr
    assert judged.returncode == 0
    assert re.search(r"[1-6] of 6 packages", judged.stderr)
    assert run(*host, "--libc", "new").returncode == 1


def test_usable_lists_what_it_knows(sample: Path) -> None:
    """The operating systems with a known C library, and the targets."""
    systems = answer("usable", "--list-os", "--out", sample)
    targets = answer("usable", "--list-targets", "--out", sample)

    assert {"os": "rocky10", "libc_version": "2.39"}.items() <= {
        key: value
        for row in systems
        if row["os"] == "rocky10"
        for key, value in row.items()
        if key in ("os", "libc_version")
    }.items()
    assert {"target": "zen4", "family": "x86_64"} in targets


def test_missing_is_what_one_snapshot_has_and_the_other_lacks(sample: Path) -> None:
    """Packages by name, specs by hash; with a host, only what it can use."""
    tags = ["--from", "develop-2025-03-23", "--in", "develop-2025-03-30", "--out", sample]
    packages = {row["package"] for row in answer("missing", *tags)}
    specs = answer("missing", *tags, "--specs")
    of_host = {
        row["package"] for row in answer("missing", *tags, "--os", "rhel8", "--target", "zen4")
    }
    lost = answer("diff", "develop-2025-03-23", "develop-2025-03-30", "--out", sample)

    assert packages == {row["package"] for row in lost if row["cause"] == "package dropped"}
    assert {row["package"] for row in specs} >= packages
    assert all(row["hash"] for row in specs)
    assert of_host <= {row["package"] for row in specs} | packages
    assert run("missing", *tags[:2], "--in", "nowhere", "--out", sample).returncode == 1


def test_missing_for_a_host_whose_glibc_is_given(sample: Path) -> None:
    """As for `usable`: an unknown OS is refused unless --libc says what it has."""
    tags = ["--from", "develop-2025-03-23", "--in", "develop-2025-03-30", "--out", sample]
    host = ["--os", "sles15", "--target", "zen4"]

    refused = run("missing", *tags, *host)
    judged = run("missing", *tags, *host, "--libc", "2.38")
    everywhere = run("missing", *tags)
    assert "add --libc VERSION" in refused.stderr
    assert judged.stderr == (
        "4 packages of develop-2025-03-23 not in develop-2025-03-30 for sles15, zen4\n"
    )
    assert everywhere.stderr == "4 packages of develop-2025-03-23 not in develop-2025-03-30\n"
    assert run("missing", *tags, "--libc", "2.38").returncode == 2


def test_diff_names_first_what_went_as_a_whole(sample: Path) -> None:
    """Stacks and environments that only one snapshot has are printed before the cells."""
    result = run("diff", "develop-2025-03-16", "develop-2025-03-23", "--out", sample)

    assert re.search(
        r"^lost: stack tutorial, with 1 of its 1 cell \(1 package\)$", result.stderr, re.M
    )


@pytest.mark.slow
def test_diff_of_two_lines_says_what_is_not_in_the_other(sample: Path, tmp_path: Path) -> None:
    """A week and a release do not follow each other: nothing was lost, but each lacks things."""
    pages = {
        f"{tag}/{package}/specs.md": site_page(package, tag, [make_spec(number, os=os)])
        for number, (tag, package, os) in enumerate(
            (
                ("v1.0.0", "zlib", "ubuntu22.04"),
                ("v1.0.0", "zlib", "rhel8"),
                ("v1.0.0", "old", "ubuntu22.04"),
                ("develop-2025-03-30", "zlib", "ubuntu22.04"),
                ("develop-2025-03-30", "new", "ubuntu22.04"),
            )
        )
        if (tag, os) != ("v1.0.0", "ubuntu22.04") or package != "zlib"
    }
    assert run("flatten", write_pages(tmp_path / "in", pages), "--out", tmp_path).returncode == 0
    assert run("build", "--out", tmp_path).returncode == 0
    arguments = ["diff", "v1.0.0", "develop-2025-03-30", "--out", tmp_path]

    rows = answer(*arguments)
    result = run(*arguments, "--fail-on-loss")

    assert [(row["change"], row["cause"], row["package"], row["os"]) for row in rows] == [
        ("not in develop-2025-03-30", "environment not in develop-2025-03-30", "zlib", "rhel8"),
        ("not in develop-2025-03-30", "package not in develop-2025-03-30", "old", "ubuntu22.04"),
        ("only in develop-2025-03-30", "cell not in v1.0.0", "zlib", "ubuntu22.04"),
        ("only in develop-2025-03-30", "package not in v1.0.0", "new", "ubuntu22.04"),
    ]
    assert result.stderr.splitlines() == [
        "v1.0.0 and develop-2025-03-30 do not follow each other: a difference is no loss or gain",
        "not in develop-2025-03-30: environment linux-rhel8-x86_64_v3, with 1 of its 1 cell "
        "(1 package)",
        "not in develop-2025-03-30: 1 package: old",
        "only in develop-2025-03-30: 1 package: new",
        "error: 2 cells not in develop-2025-03-30, and 0 older there",
    ]
    assert result.returncode == 4
