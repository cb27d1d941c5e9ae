"""Fuzz the reader of pages with atheris: `make fuzz`, or `python -m tests.fuzz SECONDS`.

What it finds is written to `tests/fuzz/found/`; once mended it moves to `tests/fuzz/corpus/`, where
`make test` reads it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline", "yaml"]):
    from tests.fuzz.oracle import check_page

from tests.fuzz.seeds import SEEDS, TOKENS

HERE = Path(__file__).parent
SECONDS_PER_BYTE = 1 / 100_000


def check_input(data: bytes) -> None:
    """Check one input, and that it takes at most a second per 100 kB, or a second in all."""
    started = time.process_time()
    check_page(data)
    # Five readings and their comparison, with instrumentation.
    assert time.process_time() - started < 10 * max(1, len(data) * SECONDS_PER_BYTE)


def main() -> None:
    """Run for the given seconds, from the seeds and the corpus."""
    seconds = int(sys.argv[1])
    found = HERE / "found"
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "corpus")
        shutil.copytree(HERE / "corpus", work)
        for number, seed in enumerate(SEEDS):
            (work / f"seed-{number}").write_bytes(seed)
        words = Path(folder, "words")
        words.write_text(
            "".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in TOKENS)
        )
        options = [
            f"-max_total_time={seconds}",
            f"-dict={words}",
            f"-artifact_prefix={found}/",
            "-max_len=20000",
            "-timeout=20",
            "-rss_limit_mb=4000",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, str(work)], check_input)
        atheris.Fuzz()


main()
