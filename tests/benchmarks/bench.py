"""Measure the commands and views on a generated corpus, interleaved with the floor.

Run as `make bench` or `python -m tests.benchmarks.bench --snapshots N --packages N`. Machines are
shared: what counts are the ratios to the floor, taken pair by pair, and their medians.

The kernel counts as a command's memory what the process that starts it holds, so DuckDB and Polars
are loaded only when the commands have been measured.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import peers
from tests.benchmarks.corpus import write_corpus, write_index
from tests.benchmarks.floor import read_plainly

if TYPE_CHECKING:
    import duckdb

PYTHON = sys.executable
PIPELINE = [PYTHON, "-m", "pipeline"]
FLOOR = "floor"
OURS = "flatten, cold"
KIBIBYTES = 1024  # per MiB, since the kernel counts memory in KiB
PEER_SNAPSHOTS = 4  # the newest ones: peers would take minutes for all
SHARE = 4  # one in so many snapshots, to measure growth
PEAK_GOAL = 600  # MiB, of the largest process
JOB_PEAK_GOAL = 800  # MiB, of the largest process of flatten, build and report
REPORTS_GOAL = 30  # MB of reports
GROWTH_GOAL = 0.5  # MiB per snapshot: state of each page, but not of its specs
SAMPLE = Path(__file__).parent.parent / "pages"
SAMPLE_GOAL = 1.5  # seconds in total
INDEX_GOAL = 3.0  # times orjson's time to parse it without garbage collection
INDEX_MEBIBYTES = 2861  # 3 GB
PARSE = "import gc, sys, orjson; gc.disable(); orjson.loads(open(sys.argv[1], 'rb').read())"
VIEW_GOALS = (0.2, 2.0)  # seconds: for the newest snapshot, and for the whole history


@dataclass(frozen=True)
class Run:
    """One run of a command as a process of its own; its memory is that of its largest process."""

    seconds: float
    peak_mebibytes: float


@dataclass(frozen=True)
class Measure:
    """A benchmark: a command, what to do before each run, and its goals.

    `ratio_goal` is in times the floor, `seconds_goal` in seconds, `peak_goal` in MiB.
    """

    name: str
    command: Sequence[str]
    ratio_goal: float | None = None
    prepare: Callable[[], object] = lambda: None
    seconds_goal: float | None = None
    peak_goal: float | None = None


def run_command(command: Sequence[str]) -> Run:
    """Run a command to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return Run(time.perf_counter() - started, usage.ru_maxrss / KIBIBYTES)


def flattens(corpus: Path, out: Path) -> list[Measure]:
    """Return the runs of `flatten`, each on the outputs of the one before."""
    flatten = [*PIPELINE, "flatten", str(corpus), "--out", str(out)]
    page = next(corpus.rglob("*.md"))
    empty = partial(shutil.rmtree, out, ignore_errors=True)
    return [
        Measure(OURS, flatten, 1.5, empty, peak_goal=PEAK_GOAL),
        Measure("flatten, nothing changed", flatten, 0.4, peak_goal=PEAK_GOAL),
        Measure("flatten, one page changed", flatten, 0.6, page.touch, peak_goal=PEAK_GOAL),
    ]


def jobs(corpus: Path, out: Path) -> list[Measure]:
    """Return the runs of all three commands in sequence, as in `make reports`."""
    flatten, *others = (
        shlex.join([*PIPELINE, *command, "--out", str(out)])
        for command in (["flatten", str(corpus)], ["build"], ["report"])
    )
    job = ["bash", "-c", " && ".join([flatten, *others])]
    newest = max((corpus / "_cache").iterdir())

    def take_newest_away() -> None:
        aside = newest.rename(corpus.parent / newest.name)
        run_command(job)
        aside.rename(newest)

    empty = partial(shutil.rmtree, out, ignore_errors=True)
    return [
        Measure("all three, cold", job, 5, empty, peak_goal=JOB_PEAK_GOAL),
        Measure("all three, nothing new", job, 0.7, peak_goal=JOB_PEAK_GOAL),
        Measure("all three, one more", job, 2.5, take_newest_away, peak_goal=JOB_PEAK_GOAL),
    ]


def measures(corpus: Path, out: Path) -> list[Measure]:
    """Return the benchmarks in order, each on the outputs of the one before."""
    return [
        Measure(FLOOR, [PYTHON, "-m", "tests.benchmarks.floor", str(corpus)]),
        *flattens(corpus, out),
        Measure("build", [*PIPELINE, "build", "--out", str(out)], 1.5, peak_goal=PEAK_GOAL),
        Measure("build, nothing changed", [*PIPELINE, "build", "--out", str(out)], 0.2),
        *jobs(corpus, out),
        Measure("--help", [*PIPELINE, "--help"], seconds_goal=0.3),
    ]


def run_in_turn(listed: Sequence[Measure], run_count: int) -> dict[str, list[Run]]:
    """Run the benchmarks in turn, several times; return the runs by name."""
    runs: dict[str, list[Run]] = {measure.name: [] for measure in listed}
    for _ in range(run_count):
        for measure in listed:
            measure.prepare()
            runs[measure.name].append(run_command(measure.command))
    return runs


def measure_commands(corpus: Path, out: Path, run_count: int) -> dict[str, float]:
    """Print a line per command (seconds, ratio, memory, goals); return the peaks in MiB."""
    page_count, spec_count = read_plainly(str(corpus))
    print(f"corpus: {page_count:,} pages, {spec_count:,} specs; medians of {run_count} runs\n")
    listed = measures(corpus, out)
    runs = run_in_turn(listed, run_count)
    peaks = {name: max(run.peak_mebibytes for run in of_name) for name, of_name in runs.items()}
    print(
        f"{'command':<27}{'seconds':>8}{'× floor':>9}{'min – max':>13}{'goal':>8}"
        f"{'MiB':>6}{'goal':>7}{'pages/s':>11}"
    )
    for measure in listed:
        seconds = statistics.median(run.seconds for run in runs[measure.name])
        ratios = [
            run.seconds / floor.seconds
            for run, floor in zip(runs[measure.name], runs[FLOOR], strict=True)
        ]
        ratio, peak = statistics.median(ratios), peaks[measure.name]
        spread = f"{min(ratios):.2f} – {max(ratios):.2f}"
        goal = at_most(measure.ratio_goal) or at_most(measure.seconds_goal, " s")
        is_missed = (
            exceeds(ratio, measure.ratio_goal)
            or exceeds(seconds, measure.seconds_goal)
            or exceeds(peak, measure.peak_goal)
        )
        print(
            f"{measure.name:<27}{seconds:>8.2f}{ratio:>9.2f}{spread:>13}{goal:>8}"
            f"{peak:>6.0f}{at_most(measure.peak_goal):>7}{page_count / seconds:>11,.0f}"
            f"{'   missed' if is_missed else ''}"
        )
    size = sum(path.stat().st_size for path in (out / "reports").rglob("*") if path.is_file())
    is_missed = size > REPORTS_GOAL * 1e6
    print(
        f"\nreports: {size / 1e6:.1f} MB, goal ≤ {REPORTS_GOAL}{'   missed' if is_missed else ''}"
    )
    return peaks


def at_most(goal: float | None, unit: str = "") -> str:
    """Return the text of a goal, if there is one."""
    return "" if goal is None else f"≤ {goal}{unit}"


def exceeds(value: float, goal: float | None) -> bool:
    """Return whether a goal is missed."""
    return goal is not None and value > goal


def measure_growth(
    share: Path, out: Path, peaks: dict[str, float], more_count: int, run_count: int
) -> None:
    """Print the growth of `flatten`'s memory from a share of the snapshots to all of them."""
    runs = run_in_turn(flattens(share, out), run_count)
    count = len(list((share / "_cache").iterdir()))
    print(
        f"\n{f'with {count} snapshots':<27}{'MiB':>8}   MiB more a snapshot, goal ≤ {GROWTH_GOAL}"
    )
    for name, of_name in runs.items():
        peak = max(run.peak_mebibytes for run in of_name)
        growth = (peaks[name] - peak) / max(1, more_count)
        print(f"{name:<27}{peak:>8.0f}{growth:>9.2f}{'   missed' if growth > GROWTH_GOAL else ''}")


def measure_peers(share: Path, folder: Path, libraries: str, run_count: int) -> None:
    """Print a line for the pipeline and for each peer, which find the same rows, on a share."""
    page_count, spec_count = read_plainly(str(share))
    ours, theirs = folder / "ours", folder / "theirs.parquet"
    commands = {
        FLOOR: [PYTHON, "-m", "tests.benchmarks.floor", str(share)],
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


def copy_share(corpus: Path, share: Path, tags: Sequence[str]) -> Path:
    """Copy some snapshots of the corpus; return the path of the copy."""
    for tag in tags:
        shutil.copytree(corpus / "_cache" / tag, share / "_cache" / tag)
    return share


def count_rows(tables: Path) -> int:
    """Count the rows of a Parquet file, or of table spec_stacks below a folder."""
    import duckdb

    from pipeline.schemas import SPEC_STACKS
    from pipeline.tables.parquet import PART

    files = tables if tables.is_file() else tables / SPEC_STACKS.name / "*" / PART
    (row,) = duckdb.execute("select count(*) from read_parquet($1)", [str(files)]).fetchall()
    return int(row[0])


def measure_index(folder: Path, record_count: int, run_count: int) -> None:
    """Print the cost of the largest index of a build cache, relative to parsing it."""
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
    """Print the cost of the shipped sample pages, for which workers would cost most."""
    flatten = [*PIPELINE, "flatten", str(SAMPLE), "--out", str(folder / "sample")]
    seconds = []
    for _ in range(run_count):
        shutil.rmtree(folder / "sample", ignore_errors=True)
        seconds.append(run_command(flatten).seconds)
    print(f"\nflatten of the sample: {statistics.median(seconds):.2f} s, goal ≤ {SAMPLE_GOAL} s")


def measure_views(out: Path, tags: Sequence[str], run_count: int) -> None:
    """Print a line per view: seconds for the newest snapshot and for the whole history."""
    import duckdb

    from pipeline.outputs import DATABASE
    from pipeline.warehouse.views import load_views

    connection = duckdb.connect(str(out / DATABASE), read_only=True)
    newest, previous = tags[-1], tags[-2]
    queries: dict[str, tuple[str | None, str]] = {}
    for view in load_views():
        if view.kind != "view":
            continue
        columns = [name for name, *_ in connection.execute(f"describe {view.path}").fetchall()]
        of_newest = f"from {view.path} where tag = '{newest}'" if "tag" in columns else None
        queries[view.path] = of_newest, f"from {view.path}"
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
    """Return the median seconds of a query whose rows are written to a table."""
    seconds = []
    for _ in range(run_count):
        started = time.perf_counter()
        connection.execute(f"create or replace temp table answer as {query}")
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print the measurements for the given corpus size."""
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
        peaks = measure_commands(corpus, out, options.runs)
        share_count = max(1, len(tags) // SHARE)
        share = copy_share(corpus, Path(folder, "share"), tags[-share_count:])
        more_count = len(tags) - share_count
        measure_growth(share, Path(folder, "shared"), peaks, more_count, options.runs)
        if options.peers:
            peer_share = copy_share(corpus, Path(folder, "peers"), tags[-PEER_SNAPSHOTS:])
            measure_peers(peer_share, Path(folder), options.peers, options.runs)
        measure_sample(Path(folder), options.runs)
        measure_index(Path(folder), options.records, options.runs)
        measure_views(out, tags, options.runs)


if __name__ == "__main__":
    main()
