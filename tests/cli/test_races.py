"""Several commands on one OUT at once: each waits its turn; readers never see partial outputs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline.outputs import hold_lock, lock_path
from pipeline.report.run import write_reports
from pipeline.tables.refresh import refresh_tables
from pipeline.warehouse.build import build_warehouse
from tests.conftest import run_command
from tests.tables.test_refresh import read_all, read_fresh
from tests.writing import make_spec, site_page, write_pages

pytestmark = pytest.mark.slow

TAG = "develop-2025-03-30"
WAITING = "waiting for another run to finish"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a source of one snapshot."""
    return write_pages(tmp_path / "in", {f"{TAG}/zlib/specs.md": site_page("zlib", TAG)})


@pytest.fixture
def out(source: Path, tmp_path: Path) -> Path:
    """Return all outputs of the source."""
    refresh_tables([source], tmp_path / "out")
    build_warehouse(tmp_path / "out")
    write_reports(tmp_path / "out")
    return tmp_path / "out"


def change(source: Path) -> None:
    """Add a package to the snapshot."""
    write_pages(source, {f"{TAG}/adiak/specs.md": site_page("adiak", TAG, [make_spec(5)])})


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def count_packages(out: Path) -> int:
    result = run_command("query", "select count(*) as n from pages", "--out", out, "--format=csv")
    return int(result.stdout.split()[1])


# The lock that one command holds, and the command that waits for it.
TURNS = {
    "a flatten waits for a flatten": ("run", False, "flatten"),
    "a flatten waits for one of a tag": ("run", True, "flatten"),
    "a flatten of a tag waits for one of all": ("run", False, "flatten --tag"),
    "a flatten waits to publish while a build reads": ("publication", True, "flatten"),
    "a build waits for a build": ("build", False, "build"),
    "a build waits while a flatten publishes": ("publication", False, "build"),
    "a report waits for a report": ("reports", False, "report"),
}


@pytest.mark.parametrize("turn", TURNS)
def test_the_second_waits_and_says_so(source: Path, out: Path, turn: str) -> None:
    """Nothing changes while the other runs; then the second does all its work."""
    lock, is_shared, name = TURNS[turn]
    change(source)
    if name in ("build", "report"):
        run_command("flatten", source, "--out", out)
    command = {
        "flatten": ["flatten", source],
        "flatten --tag": ["flatten", source, "--tag", TAG],
    }.get(name, [name])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.is_file()}

    with hold_lock(lock_path(out, lock), is_shared=is_shared):
        second = start(*command, "--out", out)
        assert second.stderr
        assert second.stderr.readline() == f"{out}: {WAITING}\n"
        assert second.poll() is None
        after = {path: path.stat().st_mtime_ns for path in before}
    _, words = second.communicate()

    assert after == before
    assert second.returncode == 0, words
    if name.startswith("flatten"):
        assert read_all(out) == read_fresh(source)
    elif name == "build":
        assert count_packages(out) == 2


def test_some_share_their_locks(source: Path, out: Path) -> None:
    """Runs on different tags do not wait for each other, nor do different commands."""
    with hold_lock(lock_path(out, "run"), is_shared=True):
        flattened = run_command("flatten", source, "--tag", TAG, "--out", out)
    with hold_lock(lock_path(out, "publication"), is_shared=True):
        built = run_command("build", "--check-all", "--out", out)
    with hold_lock(lock_path(out, "build")):
        reported = run_command("report", "--out", out)

    assert [run.returncode for run in (flattened, built, reported)] == [0, 0, 0]
    assert WAITING not in flattened.stderr + built.stderr + reported.stderr


@pytest.mark.parametrize(
    ("lock", "command"), [("run", "flatten"), ("build", "build"), ("reports", "report")]
)
def test_a_dead_process_keeps_no_lock(source: Path, out: Path, lock: str, command: str) -> None:
    """A run that was killed while it held the lock blocks nobody."""
    code = (
        "import sys, time; from pathlib import Path; from pipeline.outputs import hold_lock\n"
        "with hold_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(lock_path(out, lock))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()

    result = run_command(command, *([source] if command == "flatten" else []), "--out", out)

    assert result.returncode == 0
    assert WAITING not in result.stderr


def test_all_at_once(source: Path, out: Path) -> None:
    """Three of each command side by side all succeed, and leave complete and current outputs."""
    change(source)

    runs = [
        start(*command, "--out", out)
        for command in (["flatten", source], ["build"], ["report"])
        for _ in range(3)
    ]
    words = [run.communicate()[1] for run in runs]

    assert [run.returncode for run in runs] == [0] * 9, words
    assert read_all(out) == read_fresh(source)
    for command in ("build", "report"):
        assert run_command(command, "--out", out).returncode == 0
    assert count_packages(out) == 2
    assert (out / "reports" / "summary.md").is_file()
    assert sorted(path.name for path in out.iterdir()) == ["coverage.duckdb", "reports", "tables"]


@pytest.mark.parametrize(
    ("lock", "command"), [("run", "flatten"), ("build", "build"), ("reports", "report")]
)
def test_a_lock_file_is_not_a_link(source: Path, out: Path, lock: str, command: str) -> None:
    """A symbolic link in place of the lock file is refused, and its target is untouched."""
    target = write_pages(out.parent, {"precious": "text"}) / "precious"
    lock_path(out, lock).symlink_to(target)

    result = run_command(command, *([source] if command == "flatten" else []), "--out", out)

    assert result.returncode == 1
    assert f"{lock_path(out, lock)}: is a symbolic link" in result.stderr
    assert target.read_text() == "text"


def test_builds_never_see_half_a_publication(source: Path, out: Path) -> None:
    """While snapshots come and go, every build passes its checks."""
    other = source.parent / "other"
    write_pages(
        other,
        {
            f"{tag}/p{number}/specs.md": site_page(f"p{number}", tag, [make_spec(number)])
            for tag in (TAG, "v1.0.0", "v2.0.0")
            for number in range(3)
        },
    )
    builds = []
    for turn in range(4):
        flatten = start("flatten", "--replace", (other, source)[turn % 2], "--out", out)
        while flatten.poll() is None:
            builds.append(run_command("build", "--out", out))
        flatten.communicate()
        assert flatten.returncode == 0

    assert [build.stderr for build in builds if build.returncode] == []
    assert len(builds) >= 4


def test_a_reader_breaks_no_build_and_keeps_what_it_had(source: Path, out: Path) -> None:
    """A library or session with the database open keeps reading the old one."""
    database = out / "coverage.duckdb"
    session = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "sql", "--out", str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert session.stdin
    assert session.stdout
    question = "select 'pages: ' || count(*) from pages"
    session.stdin.write(f".mode list\n.headers off\n{question};\n")
    assert session.stdout.readline() == "pages: 1\n"
    with duckdb.connect(str(database), read_only=True) as reader:
        change(source)
        run_command("flatten", source, "--out", out)
        built = run_command("build", "--out", out)
        assert built.returncode == 0, built.stderr
        assert reader.execute(question).fetchall() == [("pages: 1",)]
        assert reader.execute("select count(*) from specs").fetchall() == [(1,)]
    session.stdin.write(f"{question};\n")
    assert session.stdout.readline() == "pages: 1\n"
    session.communicate()

    assert count_packages(out) == 2
