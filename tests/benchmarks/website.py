"""Measure the website of a generated cache: time to write it, its size, and its first query.

`make bench-site` runs it. The first query is timed in Chromium on loopback, from the start of the
navigation to its rows, several times, each with an empty browser cache. Parquet files can't be held
against the database there: DuckDB-Wasm loads its Parquet extension from another host, which the
page forbids. Their size is printed instead.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.benchmarks.corpus import write_corpus
from tests.report.browsing import open_browser

GOAL_BYTES = 60_000_000
GOAL_SECONDS = 3.0
FIRST_QUERY = "from snapshots"
COMMAND = (sys.executable, "-m", "pipeline")


def time_command(*arguments: str) -> float:
    """Run a command of the pipeline; return its seconds."""
    started = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def time_first_query(browser: Browser, address: str) -> tuple[float, int]:
    """Open a shared link; return the seconds to its rows, and the bytes downloaded."""
    context = browser.new_context()
    page = context.new_page()
    sizes: list[int] = []
    page.on(
        "response", lambda response: sizes.append(int(response.headers.get("content-length", 0)))
    )
    started = time.perf_counter()
    page.goto(f"{address}sql.html#q={FIRST_QUERY.replace(' ', '%20')}")
    expect(page.locator("#status")).to_contain_text("rows in", timeout=60_000)
    seconds = time.perf_counter() - started
    context.close()
    return seconds, sum(sizes)


def folder_bytes(folder: Path) -> int:
    """Return the size of all files below a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Print each measurement with its goal."""
    parser = argparse.ArgumentParser(description="Measure the website of a generated cache.")
    parser.add_argument("--snapshots", type=int, default=12)
    parser.add_argument("--packages", type=int, default=1360)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--npm-packages", required=True, help="folder of the npm tarballs")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="website-"))
    try:
        write_corpus(folder / "pages", options.snapshots, options.packages)
        out = str(folder / "out")
        for step in (
            ("flatten", str(folder / "pages")),
            ("build",),
            ("report",),
            ("site", "--packages", options.npm_packages),
        ):
            print(f"{step[0]:<24} {time_command(*step, '--out', out):8.1f} s")
        site = folder / "out" / "site"
        parts = {
            "website": site,
            "  database": site / "coverage.duckdb",
            "  libraries": site / "lib",
            "  (tables as Parquet)": folder / "out" / "tables",
        }
        for name, part in parts.items():
            size = part.stat().st_size if part.is_file() else folder_bytes(part)
            goal = f"  goal {GOAL_BYTES / 1e6:.0f}" if name == "website" else ""
            print(f"{name:<24} {size / 1e6:8.1f} MB{goal}")
        server = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--out", out], stderr=subprocess.PIPE, text=True
        )
        try:
            assert server.stderr is not None
            address = re.findall(r"http://\S+/", server.stderr.readline())[0]
            with open_browser() as browser:
                runs = [time_first_query(browser, address) for _ in range(options.runs)]
        finally:
            server.terminate()
        seconds = [second for second, _ in runs]
        print(
            f"{'first query':<24} {statistics.median(seconds):8.2f} s   goal {GOAL_SECONDS:.0f} "
            f"({min(seconds):.2f} – {max(seconds):.2f}, {runs[0][1] / 1e6:.1f} MB loaded)"
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
