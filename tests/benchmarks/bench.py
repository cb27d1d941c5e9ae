"""Measure the commands on a generated corpus, beside the floor, in turn in one run.

Run as `make bench` or `python -m tests.benchmarks.bench --snapshots N --packages N`.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.corpus import write_corpus
from tests.benchmarks.floor import read_plainly

PYTHON = sys.executable
MEBIBYTE = 1024  # in the kibibytes that the kernel counts


@dataclass(frozen=True)
class Measure:
    """One run of a command as a whole process."""

    seconds: float
    peak_mebibytes: float


def measure(command: Sequence[str]) -> Measure:
    """Run a command to its end; its memory is that of the largest of its processes."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return Measure(time.perf_counter() - started, usage.ru_maxrss / MEBIBYTE)


def main() -> None:
    """Print the figures of the size asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--snapshots", type=int, default=12)
    parser.add_argument("--packages", type=int, default=600)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cache-coverage-bench-") as folder:
        corpus, out = Path(folder, "corpus"), Path(folder, "out")
        write_corpus(corpus, options.snapshots, options.packages)
        page_count, spec_count = read_plainly(str(corpus))
        print(
            f"corpus: {options.snapshots} snapshots × {options.packages} packages = "
            f"{page_count:,} pages, {spec_count:,} specs; medians of {options.runs}"
        )
        floors, flattens = [], []
        for _ in range(options.runs):
            floors.append(measure([PYTHON, "-m", "tests.benchmarks.floor", str(corpus)]))
            shutil.rmtree(out, ignore_errors=True)
            flattens.append(
                measure([PYTHON, "-m", "pipeline", "flatten", str(corpus), "--out", str(out)])
            )
        for name, runs in (("floor", floors), ("flatten", flattens)):
            seconds = statistics.median(run.seconds for run in runs)
            print(
                f"{name:<8} {seconds:6.2f} s {page_count / seconds:10,.0f} pages/s "
                f"{spec_count / seconds:12,.0f} specs/s "
                f"{max(run.peak_mebibytes for run in runs):6.0f} MiB"
            )
        ratios = [
            flatten.seconds / floor.seconds for flatten, floor in zip(flattens, floors, strict=True)
        ]
        print(f"ratio    {statistics.median(ratios):6.2f} × floor")


if __name__ == "__main__":
    main()
