"""`cache-coverage site` and `serve`: a website with the report and SQL in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import out_option, say


@click.command(short_help="Write a website: the report, and SQL in the browser.")
@out_option
@click.option(
    "--packages",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of npm tarballs to use.  [default: download them with npm]",
)
def site(out: Path, packages: Path | None) -> None:
    """Write OUT/site, a folder for any static host.

    It holds the report, the data dictionary, coverage.duckdb, and sql.html, where DuckDB-Wasm runs
    queries in the browser. DuckDB-Wasm is downloaded with npm, at a pinned version and checksum;
    without it, the website has only the report and the database.
    """
    from pipeline.cli.progress import say_waiting
    from pipeline.website.write import write_website

    website = write_website(out, packages=packages, waits=lambda: say_waiting(out))
    if website.missing:
        say(f"warning: no sql.html: {website.missing}")
    say(f"{website.folder}: written; look at it with 'cache-coverage serve --out {out}'")


@click.command(short_help="Serve the website on this machine.")
@out_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
def serve(out: Path, port: int) -> None:
    """Serve OUT/site on the loopback address until Ctrl-C."""
    from pipeline.website.serve import serve_website

    serve_website(out, port, ready=lambda address: say(f"serving {address} (Ctrl-C ends it)"))
