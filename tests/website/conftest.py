"""A website of the sample, served as users serve it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_command

# `make test-all` downloads the npm packages there.
TARBALLS = Path(sys.prefix) / "npm"
# Set if the packages have to be there: then their tests are not skipped.
REQUIRED = "COVERAGE_BROWSER_REQUIRED"


@pytest.fixture(scope="session")
def tarballs() -> Path:
    """Return the folder of the npm packages; skip the test if they are missing and not required."""
    if not (TARBALLS / ".stamp").exists() and not os.environ.get(REQUIRED):
        pytest.skip(f"no npm packages in {TARBALLS.name}: 'make npm-packages' downloads them")
    return TARBALLS


@pytest.fixture(scope="session")
def website(sample: Path, tarballs: Path) -> Path:
    """Return the website of the sample."""
    result = run_command("site", "--out", sample, "--packages", tarballs)
    assert (result.returncode, "warning" in result.stderr) == (0, False)
    return sample / "site"


@pytest.fixture(scope="session")
def address(website: Path) -> Iterator[str]:
    """Serve the website with the command; return its URL."""
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "serve",
        "--port",
        "0",
        "--out",
        str(website.parent),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert match, line
        yield match[0]
        server.send_signal(signal.SIGINT)
        assert "Traceback" not in server.stderr.read()
