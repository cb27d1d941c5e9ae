"""Measure the commands and the views on a generated corpus, beside the floor, in turn in one run.

Run as `make bench` or `python -m tests.benchmarks.bench --snapshots N --packages N`. Machines are
shared: what counts are the ratios to the floor, taken pair by pair, and their medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.schemas import SPEC_STACKS
from pipeline.tables import PART
from pipeline.warehouse import DATABASE, DEFINES, view_files
from tests.benchmarks import peers
from tests.benchmarks.corpus import write_corpus, write_index
from tests.benchmarks.floor import read_plainly

PYTHON = sys.executable
PIPELINE = [PYTHON, "-m", "pipeline"]
OURS = "flatten, cold"
KIBIBYTES = 1024  # in a mebibyte; the kernel counts memory so
PEER_SNAPSHOTS = 4  # the newest ones: peers take minutes for them all
SAMPLE = Path(__file__).parent.parent / "pages"
SAMPLE_GOAL = 1.5  # seconds in all
INDEX_GOAL = 3.0  # times what orjson takes to parse it, without looking for garbage
INDEX_MEBIBYTES = 2861  # 3 GB
PARSE = "import gc, sys, orjson; gc.disable(); orjson.loads(open(sys.argv[1], 'rb').read())"
VIEW_GOALS = (0.2, 2.0)  # seconds: for the newest snapshot, and for the whole history


@dataclass(frozen=True)
class Run:
    """One run of a command as a whole process; its memory is that of its largest process."""

    seconds: float
    peak_mebibytes: float


@dataclass(frozen=True)
class Measure:
    """What is measured: a command, what to do before each run, and its goal against the floor."""

    name: str
    command: Sequence[str]
    goal: float | None = None
    prepare: Callable[[], object] = lambda: None


def run_command(command: Sequence[str]) -> Run:
    """Run a command to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / KIBIBYTES)


def measures(corpus: Path, out: Path) -> list[Measure]:
    """Give what is measured in turn, each on what the one before it left."""
    flatten = [*PIPELINE, "flatten", str(corpus), "--out", str(out)]
    page = next(corpus.rglob("*.md"))
    return [
        Measure("floor", [PYTHON, "-m", "tests.benchmarks.floor", str(corpus)]),
        Measure(OURS, flatten, 1.5, lambda: shutil.rmtree(out, ignore_errors=True)),
        Measure("flatten, nothing changed", flatten, 0.4),
        Measure("flatten, one page changed", flatten, 0.6, page.touch),
        Measure("build", [*PIPELINE, "build", "--out", str(out)], 1.5),
        Measure("build, nothing changed", [*PIPELINE, "build", "--out", str(out)]),
        Measure("--help", [*PIPELINE, "--help"]),
    ]


def measure_commands(corpus: Path, out: Path, run_count: int) -> None:
    """Print a line a command: seconds, memory, and the ratio to the floor beside its goal."""
    page_count, spec_count = read_plainly(str(corpus))
    print(f"corpus: {page_count:,} pages, {spec_count:,} specs; medians of {run_count} runs\n")
    listed = measures(corpus, out)
    runs: dict[str, list[Run]] = {measure.name: [] for measure in listed}
    for _ in range(run_count):
        for measure in listed:
            measure.prepare()
            runs[measure.name].append(run_command(measure.command))
    print(
        f"{'command':<28}{'seconds':>9}{'MiB':>7}{'× floor':>9}{'goal':>7}"
        f"{'pages/s':>10}{'specs/s':>11}"
    )
    for measure in listed:
        seconds = statistics.median(run.seconds for run in runs[measure.name])
        ratio = statistics.median(
            run.seconds / floor.seconds
            for run, floor in zip(runs[measure.name], runs["floor"], strict=True)
        )
        goal = "" if measure.goal is None else f"≤ {measure.goal}"
        print(
            f"{measure.name:<28}{seconds:>9.2f}"
            f"{max(run.peak_mebibytes for run in runs[measure.name]):>7.0f}{ratio:>9.2f}{goal:>7}"
            f"{page_count / seconds:>10,.0f}{spec_count / seconds:>11,.0f}"
        )


def measure_peers(share: Path, folder: Path, libraries: str, run_count: int) -> None:
    """Print a line for the pipeline and each of its peers, which find the same rows, on a share."""
    page_count, spec_count = read_plainly(str(share))
    ours, theirs = folder / "ours", folder / "theirs.parquet"
    commands = {
        "floor": [PYTHON, "-m", "tests.benchmarks.floor", str(share)],
        OURS: [*PIPELINE, "flatten", str(share), "--out", str(ours)],
        **{
            peer: [
                *("env", f"PYTHONPATH={libraries}"),
                *(PYTHON, peers.__file__, peer, str(share), str(theirs)),
            ]
            for peer in peers.PEERS
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(run_count):
        shutil.rmtree(ours, ignore_errors=True)
        for name, command in commands.items():
            seconds[name].append(run_command(command).seconds)
            if name in peers.PEERS and count_rows(theirs) != count_rows(ours / "tables"):
                raise SystemExit(f"{name}: found other rows than the pipeline")
    print(f"\n{f'{page_count:,} pages, {spec_count:,} specs':<28}  seconds  × {OURS}")
    for name, measured in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(measured, seconds[OURS], strict=True))
        print(f"{name:<28}{statistics.median(measured):>9.2f}{ratio:>9.2f}")


def count_rows(tables: Path) -> int:
    """Count the rows of a Parquet file, or of table spec_stacks below a folder."""
    files = tables if tables.is_file() else tables / SPEC_STACKS.name / "*" / PART
    (row,) = duckdb.execute("select count(*) from read_parquet($1)", [str(files)]).fetchall()
    return int(row[0])


def measure_index(folder: Path, record_count: int, run_count: int) -> None:
    """Print what the largest index of a build cache takes, against merely parsing it."""
    index = write_index(folder / "mirror" / "develop" / "e4s", record_count)
    flatten = [*PIPELINE, "flatten", str(folder / "mirror"), "--out", str(folder / "indexed")]
    parse = [PYTHON, "-c", PARSE, str(index)]
    parsed, runs = [], []
    for _ in range(run_count):
        shutil.rmtree(folder / "indexed", ignore_errors=True)
        parsed.append(run_command(parse))
        runs.append(run_command(flatten))
    ratio = statistics.median(a.seconds / b.seconds for a, b in zip(runs, parsed, strict=True))
    print(
        f"\nflatten of an index of {record_count:,} records, {index.stat().st_size:,} bytes: "
        f"{statistics.median(run.seconds for run in runs):.2f} s, "
        f"{max(run.peak_mebibytes for run in runs):.0f} MiB, goal ≤ {INDEX_MEBIBYTES}; "
        f"{ratio:.2f} × parsing it, goal ≤ {INDEX_GOAL}"
    )


def measure_sample(folder: Path, run_count: int) -> None:
    """Print what the pages that the project ships take, where workers would cost most."""
    flatten = [*PIPELINE, "flatten", str(SAMPLE), "--out", str(folder / "sample")]
    seconds = []
    for _ in range(run_count):
        shutil.rmtree(folder / "sample", ignore_errors=True)
        seconds.append(run_command(flatten).seconds)
    print(f"\nflatten of the sample: {statistics.median(seconds):.2f} s, goal ≤ {SAMPLE_GOAL} s")


def measure_views(database: Path, tags: Sequence[str], run_count: int) -> None:
    """Print a line a view: seconds for the newest snapshot and for the whole history."""
    connection = duckdb.connect(str(database), read_only=True)
    newest, previous = tags[-1], tags[-2]
    queries: dict[str, tuple[str | None, str]] = {}
    for file in view_files():
        defined = DEFINES.search(file.read_text())
        if defined is None or defined[1] != "view":
            continue
        columns = [name for name, *_ in connection.execute(f"describe {file.stem}").fetchall()]
        of_newest = f"from {file.stem} where tag = '{newest}'" if "tag" in columns else None
        queries[file.stem] = of_newest, f"from {file.stem}"
    usable = f"from usable_on('{newest}', 'ubuntu22.04', 'zen4')"
    compared = f"from compare_snapshots('{previous}', '{newest}')"
    queries["usable_on"] = usable, usable
    queries["compare_snapshots"] = compared, f"from compare_snapshots('{tags[0]}', '{newest}')"
    print(
        f"\n{'view':<32}{'newest':>9}{'history':>9}   goals: {VIEW_GOALS[0]} s, {VIEW_GOALS[1]} s"
    )
    rows = [
        (
            name,
            measure_query(connection, newest_query, run_count) if newest_query else 0.0,
            measure_query(connection, whole_query, run_count),
        )
        for name, (newest_query, whole_query) in queries.items()
    ]
    for name, newest_seconds, seconds in sorted(rows, key=lambda row: -row[2]):
        missed = newest_seconds > VIEW_GOALS[0] or seconds > VIEW_GOALS[1]
        print(f"{name:<32}{newest_seconds:>9.3f}{seconds:>9.3f}{'   missed' if missed else ''}")


def measure_query(connection: duckdb.DuckDBPyConnection, query: str, run_count: int) -> float:
    """Give the median seconds that a query takes, its rows written down in full."""
    seconds = []
    for _ in range(run_count):
        started = time.perf_counter()
        connection.execute(f"create or replace temp table answer as {query}")
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print the figures of the size asked for."""
    parser = argparse.ArgumentParser(description="Measure the pipeline on a generated corpus.")
    parser.add_argument("--snapshots", type=int, default=48)
    parser.add_argument("--packages", type=int, default=1200)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", metavar="FOLDER", help="where the peers are installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cache-coverage-bench-") as folder:
        corpus, out = Path(folder, "corpus"), Path(folder, "out")
        tags = write_corpus(corpus, max(2, options.snapshots), options.packages)
        measure_commands(corpus, out, options.runs)
        for tag in tags[-PEER_SNAPSHOTS:]:
            shutil.copytree(corpus / "_cache" / tag, Path(folder, "share", tag))
        if options.peers:
            measure_peers(Path(folder, "share"), Path(folder), options.peers, options.runs)
        measure_sample(Path(folder), options.runs)
        measure_index(Path(folder), options.records, options.runs)
        measure_views(out / DATABASE, tags, options.runs)


if __name__ == "__main__":
    main()
