"""Fixtures shared by many tests: the command line, and the outputs of the sample."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.writing import SAMPLE

# No test fails because of time: machines are shared.
hypothesis.settings.register_profile("timeless", deadline=None)
hypothesis.settings.load_profile("timeless")

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_command(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `cache-coverage`; no test may see a traceback."""
    result: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert "Traceback" not in result.stderr
    return result


def run_session(
    out: Path, text: str, *options: str, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run `cache-coverage sql` with a script on standard input."""
    return run_command("sql", "--out", out.resolve(), *options, input=text, **settings)


def run_on_terminal(*arguments: object, typed: str = "", **options: Any) -> tuple[int, str]:
    """Run `cache-coverage` on a terminal; return its status and the terminal's output.

    `typed` is what a user would type. Of its streams `options` may send some elsewhere, as those of
    Popen.
    """
    primary, terminal = pty.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, arguments)], **(streams | options)
    ) as process:
        os.close(terminal)
        os.write(primary, typed.encode())
        written = b""
        try:
            while part := os.read(primary, 65536):
                written += part
        except OSError:
            pass  # The terminal's error once nobody has it open any more.
    os.close(primary)
    return process.returncode, written.decode().replace("\r\n", "\n")


@pytest.fixture(scope="session")
def run() -> Run:
    """Return the function that runs `cache-coverage`."""
    return run_command


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the outputs of the sample, made by the three commands."""
    folder = tmp_path_factory.mktemp("sample") / "out"
    locks = sorted((SAMPLE.parent / "environments").glob("*.lock"))
    for command in (["flatten", SAMPLE, *locks], ["build"], ["report"]):
        assert run_command(*command, "--out", folder).returncode == 0
    return folder


@pytest.fixture(scope="session")
def mirror_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the outputs of the small build cache and installation, made by two commands."""
    folder = tmp_path_factory.mktemp("mirror") / "out"
    sources = (SAMPLE.parent / "mirror", SAMPLE.parent / "installation")
    for command in (["flatten", *sources], ["build"]):
        assert run_command(*command, "--out", folder).returncode == 0
    return folder
