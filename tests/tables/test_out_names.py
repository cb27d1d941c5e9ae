"""Output folders may have any name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.writing import SAMPLE

NAMES = ["run=3", "tag=x", "what?", "back\\slash", "a[b]*", "{a,b}", "it's 20%", "~#;ü"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_commands_work_below_any_name(run: Run, tmp_path: Path, name: str) -> None:
    """Outputs are the same in a folder whose name readers would take for a pattern."""
    out = tmp_path / name / "out"
    out.parent.mkdir()
    source = next(folder for folder in sorted(SAMPLE.glob("_cache/*")) if folder.is_dir())

    for command in (["flatten", source], ["build"], ["query", "from snapshots", "--format", "csv"]):
        result = run(*command, "--out", out)
        assert result.returncode == 0, result.stderr

    assert source.name in result.stdout
    # A second run finds its tables again.
    assert run("flatten", source, "--out", out).returncode == 0
    built = (out / "coverage.duckdb").stat()
    assert run("build", "--out", out).returncode == 0
    assert (out / "coverage.duckdb").stat().st_mtime_ns == built.st_mtime_ns
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
