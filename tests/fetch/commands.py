"""Run `cache-coverage fetch` in the test's own process, which takes a tenth of the time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner

from pipeline.cli.main import main

NO_LOGINS = ("CACHE_COVERAGE_USER", "CACHE_COVERAGE_PASSWORD", "CACHE_COVERAGE_TOKEN", "NETRC")


def run_fetch(*arguments: object, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run the command without proxies or logins of the machine; return its status and stderr."""
    clean: dict[str, str | None] = dict.fromkeys(NO_LOGINS) | {"NO_PROXY": "*", "no_proxy": "*"}
    clean |= {"HOME": "/nonexistent", "XDG_RUNTIME_DIR": None, "DOCKER_CONFIG": None}
    result = CliRunner().invoke(
        main, ["fetch", *map(str, arguments)], env=clean | dict(environment or {})
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.stdout == ""
    return result.exit_code, result.stderr


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by path, without fetch's own state."""
    left = sorted(path.name for path in (folder / ".fetch").iterdir())
    assert set(left) <= {"lock", "seen.json"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".fetch" not in path.parts
    }
