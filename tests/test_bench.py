"""The benchmark runs, and its corpus is deterministic; no test here depends on time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pipeline.schemas import SPEC_STACKS
from pipeline.tables.parquet import read_table
from pipeline.tables.refresh import refresh_tables
from tests.benchmarks.corpus import write_corpus
from tests.benchmarks.peers import PEERS

ROOT = Path(__file__).parent.parent


def test_the_corpus_is_always_the_same(tmp_path: Path) -> None:
    """The same arguments yield the same pages to the byte."""
    for name in ("one", "two"):
        assert len(write_corpus(tmp_path / name, 2, 3)) == 2

    pages = [
        {
            str(p.relative_to(tmp_path / name)): p.read_bytes()
            for p in (tmp_path / name).rglob("*.md")
        }
        for name in ("one", "two")
    ]
    assert pages[0] == pages[1]
    assert len(pages[0]) == 6


@pytest.mark.slow
def test_the_benchmark_prints_every_measure() -> None:
    """On a tiny corpus, each command and view has its line."""
    size = ["--snapshots", "2", "--packages", "3", "--records", "9", "--runs", "1"]
    result = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bench", *size],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    for name in ("floor", "flatten, cold", "build", "--help", "gaps", "usable_on"):
        assert f"\n{name} " in result.stdout
    assert "flatten of an index of 9 records" in result.stdout


@pytest.mark.parametrize("peer", ["PyYAML's C loader", "DuckDB alone"])
def test_a_peer_does_the_same_work(peer: str, tmp_path: Path) -> None:
    """A peer has exactly the pipeline's rows; the benchmark checks the same for pandas."""
    write_corpus(tmp_path / "corpus", 2, 3)
    refresh_tables([tmp_path / "corpus"], tmp_path / "out")
    ours = read_table(tmp_path / "out" / "tables", SPEC_STACKS, "tag", "hash", "stack")

    PEERS[peer](tmp_path / "corpus", tmp_path / "peer.parquet")

    theirs = pl.read_parquet(tmp_path / "peer.parquet", columns=ours.columns)
    assert sorted(theirs.rows()) == sorted(ours.rows())
