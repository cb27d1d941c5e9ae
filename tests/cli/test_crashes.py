"""Runs that are killed, or whose disk is full, leave old or new outputs, never a mixture."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline import outputs
from pipeline.cli.main import INTERRUPTED
from pipeline.outputs import replace_folder
from pipeline.report.run import write_reports
from pipeline.tables.refresh import refresh_tables
from pipeline.warehouse.build import build_warehouse
from tests.conftest import run_command
from tests.tables.test_refresh import read_all, read_fresh
from tests.writing import make_spec, site_page, write_pages

pytestmark = pytest.mark.slow

SLOW = (
    "select count(*) from range(1_000_000_000_000_000) as a(i) where i % 7 = 3 and i * i % 11 = 5"
)
SLOW_BUILD = f"""
from pipeline.warehouse import build, draft
from pipeline.__main__ import main

build.changed_parts = lambda _: None
import sys


def check(connection, **_):
    print("checking", flush=True)
    connection.execute({SLOW!r})


draft.check_warehouse = check
sys.argv[:] = ["cache-coverage", "build", *sys.argv[1:]]
main()
"""
OLD, NEW, GONE, COMING = "develop-2025-03-23", "develop-2025-03-30", "v1.0.0", "v2.0.0"
COMMANDS = ("flatten", "build", "report")


class Scene:
    """Outputs of some pages, the pages changed since, and what a command makes of them.

    A snapshot is changed, one is new and one is gone.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self.source, self.out = folder / "in", folder / "out"
        self.command = [command, *([str(self.source)] if command == "flatten" else [])]
        self.folder = folder
        write_pages(
            self.source,
            {
                f"{OLD}/zlib/specs.md": site_page("zlib", OLD),
                f"{NEW}/zlib/specs.md": site_page("zlib", NEW),
                f"{GONE}/zlib/specs.md": site_page("zlib", GONE),
            },
        )
        self.finish()
        self.old = self.read()
        shutil.rmtree(self.source / GONE)
        pages: dict[str, str | bytes] = {
            f"{NEW}/zlib/specs.md": site_page("zlib", NEW, [make_spec(7, target="zen4")]),
            f"{COMING}/adiak/specs.md": site_page("adiak", COMING, [make_spec(8), make_spec(9)]),
        }
        write_pages(self.source, pages)
        if command != "flatten":
            refresh_tables([self.source], self.out)
        if command == "report":
            build_warehouse(self.out)
        shutil.copytree(self.out, folder / "kept", copy_function=shutil.copy2)
        self.run()
        self.new = self.read()
        assert self.new != self.old
        assert read_all(self.out) == read_fresh(self.source)
        self.restore()

    def restore(self) -> None:
        """Restore the state before the command."""
        shutil.rmtree(self.out)
        shutil.copytree(self.folder / "kept", self.out, copy_function=shutil.copy2)

    def finish(self) -> None:
        """Build all outputs, without a fault, in this process."""
        refresh_tables([self.source], self.out)
        build_warehouse(self.out)
        write_reports(self.out)

    def run(self) -> None:
        """Run the command, without a fault, in this process."""
        if self.command[0] == "flatten":
            refresh_tables([self.source], self.out)
        elif self.command[0] == "build":
            build_warehouse(self.out)
        else:
            write_reports(self.out)

    def read(self) -> object:
        """Read all outputs of the command."""
        if self.command[0] == "flatten":
            return read_all(self.out)
        if self.command[0] == "report":
            folder = self.out / "reports"
            files = [path for path in folder.rglob("*.*") if path.is_file()]
            return {path.relative_to(folder): path.read_bytes() for path in files}
        with duckdb.connect(str(self.out / "coverage.duckdb"), read_only=True) as connection:
            return connection.execute("from specs order by all").fetchall()

    def run_with_fault(self, fault: str, number: int) -> subprocess.CompletedProcess[str]:
        """Run the command with a fault at its Nth step."""
        command = ["tests.faults", fault, str(number), str(self.out), *self.command]
        return run_module(*command, "--out", str(self.out))

    def assert_whole(self) -> None:
        """Compare the outputs after a fault with both states, and let the next run finish."""
        assert self.read() in (self.old, self.new)
        self.run()
        assert self.read() == self.new
        assert sorted(path.name for path in self.out.iterdir()) == [
            "coverage.duckdb",
            "reports",
            "tables",
        ]
        self.restore()


def run_module(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture(scope="module", params=COMMANDS)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return the scene for each command."""
    return Scene(tmp_path_factory.mktemp("crash"), request.param)


def steps(scene: Scene, stride: int) -> list[int]:
    """Return some of the command's steps, and all of the last ones, which publish the outputs."""
    result = scene.run_with_fault("kill", 10_000)
    assert result.returncode == 0, result.stderr
    scene.restore()
    count = int(result.stderr.splitlines()[-1])
    assert count > {"flatten": 40, "build": 5, "report": 5}[scene.command[0]]
    return sorted({*range(1, count + 1, stride), *range(max(1, count - 6), count + 1)})


def test_a_kill_at_any_step_leaves_old_or_new(scene: Scene) -> None:
    """After SIGKILL at a step on files of OUT, outputs are complete; the next run cleans up."""
    for number in steps(scene, stride=6):
        assert scene.run_with_fault("kill", number).returncode == -signal.SIGKILL
        scene.assert_whole()


def test_a_kill_at_any_time_leaves_old_or_new(scene: Scene) -> None:
    """The same for SIGKILL from outside, at times spread over the run, native code included."""
    command = [sys.executable, "-m", "pipeline", *scene.command, "--out", str(scene.out)]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    scene.restore()

    killed_count = 0
    for part in range(6, 21, 3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds * part / 20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed_count += 1
        scene.assert_whole()

    assert killed_count > 0


def test_a_failure_at_any_step_leaves_old_or_new(scene: Scene) -> None:
    """A failed write exits with status 1 and a message, and removes its draft."""
    failures = []
    for number in steps(scene, stride=9):
        result = scene.run_with_fault("ENOSPC", number)
        assert "Traceback" not in result.stderr
        assert result.returncode in (0, 1)
        if result.returncode:
            failures.append(result.stderr)
            assert result.stderr.splitlines()[-1].startswith("error: ")
            assert sorted(path.name for path in scene.out.iterdir()) == [
                "coverage.duckdb",
                "reports",
                "tables",
            ]
        scene.assert_whole()

    assert len(failures) > 1


@pytest.mark.parametrize("byte_count", [0, 2_000, 200_000])
def test_files_that_may_not_grow(scene: Scene, byte_count: int) -> None:
    """The same with a limit on file sizes, which makes native writers fail too."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, byte_count))

    result = run_command(*scene.command, "--out", scene.out, preexec_fn=limit)

    assert result.returncode in (0, 1)
    assert result.returncode == 0 or result.stderr.splitlines()[-1].startswith("error: ")
    scene.assert_whole()


@pytest.mark.parametrize("name", ["pages", "rejects", "spec_stacks", "targets"])
@pytest.mark.parametrize("bytes_left", [0, 100])
def test_a_damaged_table_is_named(tmp_path: Path, name: str, bytes_left: int) -> None:
    """A truncated Parquet file ends every command that needs it with status 1 and its name."""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": site_page()})
    out = tmp_path / "out"
    run_command("flatten", source, "--out", out)
    (file,) = (out / "tables" / name).rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:bytes_left])

    built = run_command("build", "--out", out)
    write_pages(tmp_path / "in", {"b/zlib/specs.md": site_page(tag="v1.0.0")})
    flattened = run_command("flatten", source, "--out", out)

    assert built.returncode == 1
    assert f"remove {out / 'tables'} and flatten again" in built.stderr
    if bytes_left and name != "targets":
        assert flattened.returncode == 1
        assert name in flattened.stderr
        assert "flatten again" in flattened.stderr


def can_mount() -> bool:
    return (
        subprocess.run(
            [
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "mount",
                "-t",
                "tmpfs",
                "x",
                "/mnt",
            ],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )


@pytest.mark.skipif(not can_mount(), reason="nobody may mount a small disk here")
@pytest.mark.parametrize("free_kibibytes", [0, 24, 150, 1000])
def test_a_full_disk_leaves_old_or_new(scene: Scene, free_kibibytes: int) -> None:
    """If the disk fills up, the command says so, and the outputs are unchanged."""
    disk = scene.folder / "disk"
    disk.mkdir(exist_ok=True)
    script = (
        "set -e; mount -t tmpfs -o size=100m none $1; cp -a $2/. $1; "
        "used=$(df -k --output=used $1 | tail -1); "
        f"mount -o remount,size=$((used + {free_kibibytes}))k $1; "
        "shift; out=$1; disk=$2; shift 2; "
        '"$@" --out $disk || status=$?; '
        "rm -rf $out; cp -a $disk $out; exit ${status:-0}"
    )
    command = [sys.executable, "-m", "pipeline", *scene.command]
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script, "x"]

    result = subprocess.run(
        [*unshare, str(disk), str(scene.out), str(disk), *command],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode in (0, 1), result.stderr
    assert result.returncode == 0 or result.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr
    scene.assert_whole()


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    return write_pages(folder, dict(files))


def read_tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else ""
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    """New files are there, removed ones are gone, and no draft is left, on any file system."""
    if not can_exchange:
        monkeypatch.setattr(outputs, "exchange", lambda one, other: False)
    folder = write_tree(tmp_path / "folder", {"a": "1", "b/c": "2", "b/d": "3", "e/f/g": "4"})
    draft = write_tree(tmp_path / "draft", {"a": "5", "b/c": "2", "h/i": "6"})

    replace_folder(draft, folder)

    assert read_tree(folder) == {"a": "5", "b": "", "b/c": "2", "h": "", "h/i": "6"}
    assert list(tmp_path.iterdir()) == [folder]


def test_what_is_remembered_of_files_comes_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a file-by-file replacement is interrupted, hidden files are new only if all others are."""
    monkeypatch.setattr(outputs, "exchange", lambda one, other: False)
    old = {"a": "1", "b/c": "2", "gone/d": "3", ".state/x": "old"}
    new = {"a": "5", "b/c": "6", "come/e": "7", ".state/x": "new"}
    states = []
    for last_step in range(12):
        folder = write_tree(tmp_path / str(last_step) / "folder", old)
        draft = write_tree(tmp_path / str(last_step) / "draft", new)
        steps = itertools.count()
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
            for name in ("replace", "unlink", "rmdir", "mkdir"):
                patch.setattr(os, name, stopping(getattr(os, name), steps, last_step))
            replace_folder(draft, folder)
        tree = {path: text for path, text in read_tree(folder).items() if text}
        assert tree[".state/x"] == "old" or tree == new
        states.append(tree == new)

    assert (states[0], states[-1]) == (False, True)


def stopping(
    function: Callable[..., Any], steps: Iterator[int], last_step: int
) -> Callable[..., Any]:
    """Return a function that raises an interrupt after a number of steps."""

    def step(*arguments: Any, **options: Any) -> Any:
        if next(steps) >= last_step:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    return step


def test_this_file_system_exchanges_folders(tmp_path: Path) -> None:
    """The tests run on a file system with an atomic exchange of folders."""
    one = write_tree(tmp_path / "one", {"a": "1"})
    other = write_tree(tmp_path / "other", {"b": "2"})

    assert outputs.exchange(one, other)
    assert (read_tree(one), read_tree(other)) == ({"b": "2"}, {"a": "1"})


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    """Tables or reports behind a user's symbolic link stay there."""
    folder = write_tree(tmp_path / "elsewhere", {"a": "1"})
    (tmp_path / "link").symlink_to(folder)

    replace_folder(write_tree(tmp_path / "draft", {"a": "2"}), tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert read_tree(folder) == {"a": "2"}


def test_all_outputs_without_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without atomic exchange, the outputs are the same."""
    monkeypatch.setattr(outputs, "exchange", lambda one, other: False)
    scene = Scene(tmp_path, "flatten")

    scene.finish()

    assert scene.read() == scene.new


def test_tables_on_a_file_system_without_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without hard links, tables are copied."""

    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    scene = Scene(tmp_path, "flatten")

    scene.finish()

    assert scene.read() == scene.new


def test_what_any_killed_run_left_is_cleared(tmp_path: Path) -> None:
    """Drafts of any killed process are removed by the next run of the same command."""
    scene = Scene(tmp_path, "report")
    (scene.out / ".coverage.duckdb.1").write_text("half")
    (scene.out / ".coverage.duckdb.1.wal").write_text("half")
    (scene.out / ".coverage.duckdb.1.tmp").mkdir()
    write_tree(scene.out / ".reports.1", {"csv/a.csv": "half"})
    write_tree(scene.out / ".tables.x", {"0/pages/part-0.parquet": "half"})

    for command in (["flatten", scene.source, "--tag", NEW], ["build"], ["report"]):
        assert run_command(*command, "--out", scene.out).returncode == 0

    assert sorted(path.name for path in scene.out.iterdir()) == [
        "coverage.duckdb",
        "reports",
        "tables",
    ]


def test_workers_end_with_a_run_that_is_killed() -> None:
    """No worker outlives its run: their common stdout is closed soon after."""
    script = (
        "import time\n"
        "from pipeline.tables.workers import start_pool\n"
        "pool = start_pool()\n"
        "print(pool.submit(len, 'ready').result(), flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"5\n"

        run.kill()

        rest, _ = run.communicate(timeout=60)
        assert (rest, run.returncode) == (b"", -signal.SIGKILL)


def test_ctrl_c_ends_a_run_at_once_and_quietly(tmp_path: Path) -> None:
    """Ctrl-C reaches all processes; only the run prints a message, and no process is left."""
    pages: dict[str, str | bytes] = {
        f"{tag}/p{number}/specs.md": site_page(f"p{number}", tag)
        for tag in (OLD, NEW)
        for number in range(3_100)
    }
    source = write_pages(tmp_path / "in", pages)
    said: list[str] = []
    seconds = 0.2
    while not said or "pages accepted" not in said[-1]:
        command = [sys.executable, "-m", "pipeline", "flatten", str(source)]
        with subprocess.Popen(
            [*command, "--out", str(tmp_path / str(len(said)))],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as run:
            time.sleep(seconds)
            os.killpg(run.pid, signal.SIGINT)
            _, words = run.communicate(timeout=60)
            said.append(words.strip())
            seconds *= 1.15

    # Before the command line is loaded, Python prints its own traceback; the last run was not
    # stopped.
    assert [words for words in said if "Process" in words] == []
    assert INTERRUPTED in said


@pytest.mark.parametrize("command", ["query", "build"])
def test_ctrl_c_interrupts_duckdb(tmp_path: Path, command: str) -> None:
    """Ctrl-C ends a query's process; a build prints a message and leaves no partial file."""
    refresh_tables([write_pages(tmp_path / "in", {"a.md": site_page()})], tmp_path / "out")
    build_warehouse(tmp_path / "out")
    arguments = ["-c", SLOW_BUILD] if command == "build" else ["-m", "pipeline", "query", SLOW]
    with subprocess.Popen(
        [sys.executable, *arguments, "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        if command == "build" and run.stdout:
            assert run.stdout.readline() == "checking\n"
        else:
            time.sleep(5)  # A query prints nothing before its end.
        run.send_signal(signal.SIGINT)
        _, words = run.communicate(timeout=60)

    ended = (1, f"{INTERRUPTED}\n") if command == "build" else (-signal.SIGINT, "")
    assert (run.returncode, words) == ended
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "coverage.duckdb",
        "tables",
    ]
