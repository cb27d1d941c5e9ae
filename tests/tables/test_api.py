"""The Python API: as documented, and from any kind of script."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from pipeline.api import build, tables
from pipeline.errors import OutputError
from tests.writing import site_page, write_pages

CHECKOUT = Path(__file__).parents[2]
BLOCKS = re.compile(r"^```(python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_documentation_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block of docs/python.md runs after the previous ones, and prints the text below it."""
    (tmp_path / "tests").symlink_to(CHECKOUT / "tests")
    monkeypatch.chdir(tmp_path)
    text = (CHECKOUT / "docs" / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    blocks = BLOCKS.findall(text)
    assert [kind for kind, _ in blocks] == ["python", "text"] * (len(blocks) // 2)

    for (_, code), (_, expected) in zip(blocks[::2], blocks[1::2], strict=True):
        printed = StringIO()
        with redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == expected


SCRIPT = """
import sys
from pipeline.api import flatten
from pipeline.tables import workers

print("script runs")
workers.POOL_FILES = 0
print(flatten(sys.argv[1], out=sys.argv[2]).page_count)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["file", "standard input", "-c"])
def test_a_script_needs_no_guard(tmp_path: Path, way: str) -> None:
    """A script that uses a pool of processes runs once, guarded or not, however started."""
    source = write_pages(
        tmp_path / "in",
        {f"v{n}.0.0/zlib/specs.md": site_page("zlib", f"v{n}.0.0") for n in range(4)},
    )
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    program = {"file": [str(script)], "standard input": ["-"], "-c": ["-c", SCRIPT]}[way]

    result = subprocess.run(
        [sys.executable, *program, str(source), str(tmp_path / "out")],
        input=SCRIPT if way == "standard input" else "",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (result.stdout, result.returncode) == ("script runs\n4\n", 0), result.stderr


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """Missing tables are an error that names the command to make them."""
    for function in (tables, build):
        with pytest.raises(OutputError, match="cache-coverage flatten SOURCE --out"):
            function(tmp_path)
