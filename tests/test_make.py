"""The Makefile lists its targets, passes arguments verbatim, and installs what is pinned."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.stacks import write_stack

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
PARAMETERS = re.findall(r"^(\w+) \?=", MAKEFILE, re.MULTILINE)
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; .+)? \\$", re.MULTILINE)
SMALL = "tests/pages/_cache/develop-2025-03-16/zlib/specs.md"


def run_make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make without the variables of an outer make or of the user."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS")) and name not in PARAMETERS
    }
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make in the environment that runs the tests.

    Without a stamp there is nothing that could remake it, in a make that make starts neither:
    --old-file is not handed on to those.
    """
    return run_make("STAMP=", f"VENV={Path(sys.executable).parent.parent}", *arguments, **variables)


def pins(file: str) -> dict[str, str]:
    """Return the packages pinned in a requirements file, with their versions."""
    return dict(PINNED.findall((ROOT / file).read_text()))


def test_help_lists_every_target() -> None:
    """`make` alone prints each target with its description."""
    lines = make().stdout.splitlines()

    assert {line.split()[0] for line in lines} == set(PHONY)
    assert all(len(line.split()) > 1 for line in lines)


def test_every_rule_is_declared_phony_or_is_a_file() -> None:
    """No target lacks its .PHONY, which would make it depend on a file of that name."""
    targets = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)

    assert sorted(targets) == sorted(PHONY)


@pytest.mark.parametrize(
    "text", ['it\'s "so"', "$HOME $$ $(", "`id`; a & b | c > d # %", "a\\b\\", "a\n\n  ×"]
)
def test_query_passes_on_any_text(sample: Path, text: str) -> None:
    """Quotes, dollars, backticks and line ends reach DuckDB unchanged, wherever Q is set."""
    query = "select '{}' as text".format(text.replace("'", "''"))

    given = make("query", f"Q={query}", f"OUT={sample}", "FORMAT=json")
    inherited = make("query", f"OUT={sample}", "FORMAT=json", Q=query)

    assert given.returncode == 0, given.stderr
    assert json.loads(given.stdout) == [{"text": text}]
    assert inherited.stdout == given.stdout


@pytest.mark.slow
def test_query_runs_nothing_but_itself(tmp_path: Path) -> None:
    """Neither make nor a shell interprets the query, even if the database has to be built."""
    out, trace = tmp_path / "out", tmp_path / "trace"
    command = f"touch {trace}"
    query = f"select $(shell {command}) $$({command}) $({command}) `{command}` \"; '; {command} #"

    result = make("query", f"Q={query}", f"OUT={out}", f"SOURCE={SMALL}")

    assert result.returncode != 0
    assert (out / "coverage.duckdb").is_file()
    assert not trace.exists()


@pytest.mark.slow
def test_query_makes_what_is_missing_and_prints_rows_alone(tmp_path: Path) -> None:
    """Without a database, it and the tables are made first, silently."""
    out = tmp_path / "a folder"
    question = ("query", "Q=select count(*) as n from pages", f"OUT={out}", "FORMAT=csv")

    first = make(*question, f"SOURCE={SMALL}")
    second = make(*question, f"SOURCE={tmp_path}/nowhere")

    assert first.stdout == second.stdout == "n\n1\n"
    assert second.stderr == ""


def test_a_misspelt_out_is_not_answered_from_the_sample(tmp_path: Path) -> None:
    """Missing outputs are only made if SOURCE is given, or OUT is not."""
    result = make("query", "Q=from pages", f"OUT={tmp_path}/out")

    assert result.returncode != 0
    assert f"make it with 'cache-coverage build --out {tmp_path}/out'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_several_sources_may_be_given(tmp_path: Path) -> None:
    """SOURCE is one or more; one with a space is quoted."""
    folder = tmp_path / "my pages"
    folder.mkdir()
    shutil.copy(ROOT / SMALL, folder)
    other = SMALL.replace("zlib", "aida")

    made = make("tables", f"SOURCE='{folder}' {other}", f"OUT={tmp_path}/out")

    assert made.returncode == 0, made.stderr
    assert "2 pages accepted" in made.stderr


@pytest.mark.slow
def test_reports_makes_all_of_it(tmp_path: Path) -> None:
    """`make reports` goes from pages to a report, and prints five lines."""
    result = make("reports", f"OUT={tmp_path}")

    assert len(result.stdout.splitlines()) == 5
    assert (tmp_path / "reports" / "index.html").is_file()


@pytest.mark.slow
def test_reports_hold_the_cache_against_stacks(tmp_path: Path) -> None:
    """STACKS are environment files, or folders with some, beside SOURCE."""
    write_stack(tmp_path / "stacks" / "e4s", "spack: {specs: [zlib]}\n")
    out = tmp_path / "out"
    made = make("reports", f"SOURCE={SMALL}", f"STACKS={tmp_path}/stacks", f"OUT={out}")

    assert made.returncode == 0, made.stderr
    assert "| e4s | 1 of 1 | 100.0 % |" in (out / "reports" / "summary.md").read_text()


def test_make_fails_with_its_command(tmp_path: Path) -> None:
    """If the command fails, so does make."""
    result = make("tables", f"SOURCE={tmp_path}/nowhere", f"OUT={tmp_path}/out")

    assert result.returncode != 0
    assert "no such file or folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_old_python_is_named_before_anything_is_made(tmp_path: Path) -> None:
    """Setting up with a Python before 3.11 says so, and leaves no environment."""
    old = tmp_path / "python3"
    old.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "sys.version, sys.version_info = '3.9.2 (old)', (3, 9, 2)\n"
        "exec(sys.argv[2])\n"
    )
    old.chmod(0o755)

    result = run_make("install", f"PYTHON={old}", f"VENV={tmp_path}/venv")

    assert result.returncode != 0
    assert "Python 3.11 or later is needed, found 3.9.2" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_every_dependency_has_a_lower_bound_that_is_tested() -> None:
    """`make oldest` installs the lowest versions that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = pins("requirements-oldest.txt")

    for requirement in project["dependencies"]:
        bound = re.fullmatch(r"([a-z0-9-]+)[^>]*>=([\w.]+).*", requirement)
        assert bound, requirement
        assert f"{oldest[bound[1]]}.0.0".startswith(f"{bound[2]}."), requirement


def test_pins_hold_what_the_project_names() -> None:
    """Both files pin the dependencies in pyproject.toml, with hashes and no index host."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core, everything = pins("requirements.txt"), pins("requirements-dev.txt")
    named = [re.split(r"[\[<>=]", name)[0] for name in project["project"]["dependencies"]]

    assert set(named) <= core.keys()
    assert core.items() <= everything.items()
    assert {*project["dependency-groups"]["dev"], *project["build-system"]["requires"]} <= (
        everything.keys()
    )
    for group in ("fuzz", "audit"):
        named = [re.split("[<>=]", name)[0] for name in project["dependency-groups"][group]]
        assert set(named) <= pins(f"requirements-{group}.txt").keys()
    for file in ROOT.glob("requirements*.txt"):
        lines = file.read_text().splitlines()
        assert all(
            re.fullmatch(r"    --hash=sha256:\w{64}( \\)?|\w[^:/@]* \\", line) for line in lines
        )
