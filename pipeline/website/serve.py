"""Serve the website on the loopback address of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.errors import OutputError, WebsiteError
from pipeline.outputs import WEBSITE_FOLDER

HOST = "127.0.0.1"


def serve_website(out: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve `out`/site, with range requests, until it is interrupted.

    Port 0 picks a free one. `ready` is called with the URL once the server answers.

    Raises
    ------
    OutputError
        There is no website.
    WebsiteError
        The port is taken or not allowed.
    """
    folder = out / WEBSITE_FOLDER
    if not (folder / "index.html").is_file():
        raise OutputError(
            f"{folder}: no such website; make it with 'cache-coverage site --out {out}'"
        )
    import waitress
    from whitenoise import WhiteNoise

    application = WhiteNoise(
        not_found, root=str(folder), index_file=True, autorefresh=True, max_age=0
    )
    try:
        server: Any = waitress.create_server(application, host=HOST, port=port, threads=8)
    except OSError as error:
        raise WebsiteError(
            f"port {port}: can't be listened on: {error.strerror}; name another with --port"
        ) from error
    ready(f"http://{HOST}:{server.effective_port}/")
    try:
        server.run()
    finally:
        server.close()


def not_found(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]
) -> Iterable[bytes]:
    """Answer a request for a missing file."""
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"no such file\n"]
