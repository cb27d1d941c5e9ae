"""Every example of docs/clients.md runs on the sample.

pandas, Harlequin and notebooks are installed by `make clients`, apart from what development needs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VENV = Path(sys.executable).parents[1]
CLIENTS = VENV / "clients"
# Set if the clients have to be installed: then no test is skipped.
REQUIRED = "COVERAGE_CLIENTS_REQUIRED"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs/clients.md").read_text(), re.DOTALL)
CELLS = [text for kind, text in BLOCKS if kind == "python" and text.startswith("# notebook")]
EXAMPLES = [(kind, text) for kind, text in BLOCKS if text not in CELLS]
RUN_NOTEBOOK = """
import json, sys
import nbclient, nbformat
cells = [nbformat.v4.new_code_cell(text) for text in json.load(sys.stdin)]
notebook = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells)).execute()
print(notebook.cells[-1].outputs[-1].data["text/plain"])
"""


@pytest.fixture
def folder(sample: Path, tmp_path: Path) -> Path:
    """Return a folder in which `outputs` are those of the sample."""
    (tmp_path / "outputs").symlink_to(sample)
    return tmp_path


def run_example(kind: str, text: str, folder: Path, **options: str) -> str:
    """Run an example with the installed clients; return what it prints."""
    command = {"sh": ["bash", "-euc", text], "python": [sys.executable, "-c", text]}[kind]
    path = os.pathsep.join([str(CLIENTS / "bin"), str(VENV / "bin"), os.environ["PATH"]])
    result = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(CLIENTS), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert result.returncode == 0, result.stderr
    return str(result.stdout)


def skip_without_clients() -> None:
    if not CLIENTS.exists() and not os.environ.get(REQUIRED):
        pytest.skip("pandas, Harlequin and notebooks: run make clients")


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[text[:20] for _, text in EXAMPLES])
def test_an_example_runs(folder: Path, kind: str, text: str) -> None:
    """It prints rows of the sample."""
    if re.search("pandas|hsql", text):
        skip_without_clients()

    output = run_example(kind, text, folder)

    assert re.search("develop-2025-03-30|argobots", output)


def test_the_notebook_runs(folder: Path) -> None:
    """Its last cell shows a table."""
    skip_without_clients()

    output = run_example("python", RUN_NOTEBOOK, folder, input=json.dumps(CELLS))

    assert "sole_spec_count" in output
