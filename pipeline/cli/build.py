"""`cache-coverage build` and `report`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from pipeline.cli.fetch import fetch_options, make_options
from pipeline.cli.options import out_option, say, tell


@click.command(short_help="Load the tables into a DuckDB database with the views of sql/.")
@out_option
@click.option(
    "--check-all",
    is_flag=True,
    help="Build anew, and check the views of every snapshot; else of the newest of each kind.",
)
def build(out: Path, check_all: bool) -> None:
    """Make the DuckDB file OUT/coverage.duckdb from the tables and sql/, unless it is current.

    The new database checks itself before it takes the old one's place.
    """
    from pipeline import api
    from pipeline.cli.progress import say_waiting
    from pipeline.outputs import DATABASE

    is_new = api.build(out, check_all=check_all, waits=lambda: say_waiting(out))
    say(f"{out / DATABASE}: {'built' if is_new else 'up to date'}")


@click.command(short_help="Write the reports; with --from URL fetch, flatten and build first.")
@out_option
@click.option(
    "--all",
    "all_rows",
    is_flag=True,
    help="Write gaps.csv and snapshot_changes.csv with every snapshot of a long history, too.",
)
@click.option(
    "--host", "fills_host", is_flag=True, help="Fill this machine's OS and target into the page."
)
@click.option(
    "--lock",
    "lock_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Add the part on your environment: what the newest weekly snapshot holds of this"
    " spack.lock, and why the rest would be built; may be repeated.",
)
@click.option(
    "--from",
    "url",
    metavar="URL",
    help="First download the build cache at URL to OUT/fetched, and build all from it; a URL as"
    " fetch takes it, with the options below.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="With --from: only this snapshot, or the name of a lone mirror's; may be repeated.",
)
@click.option(
    "--stack",
    "stacks",
    multiple=True,
    help="With --from: only this stack, or the name of a lone mirror's; may be repeated.",
)
@fetch_options
def report(
    out: Path,
    all_rows: bool,
    fills_host: bool,
    lock_files: tuple[Path, ...],
    url: str | None,
    tags: tuple[str, ...],
    stacks: tuple[str, ...],
    **settings: Any,
) -> None:
    """Write index.html, summary.md, CSV and Parquet files to OUT/reports.

    Only what changed is written; the files of a snapshot are kept while it stands. With --from URL
    it is fetch, flatten, build and report in one command.
    """
    if url is None and (tags or stacks):
        raise click.UsageError("--tag and --stack choose from what --from URL names")
    from pipeline.cli.lock import read_files
    from pipeline.cli.progress import say_waiting
    from pipeline.report.host import this_machine
    from pipeline.report.write import write_reports

    locks = read_files(lock_files)  # Now, and not after a cache has been fetched for minutes.
    if url is not None:
        from pipeline.cli.from_url import update_from_url

        update_from_url(url, out, tags, stacks, make_options(**settings))
    host = this_machine() if fills_host else None
    waits = partial(say_waiting, out)
    for line in write_reports(out, all_rows=all_rows, host=host, locks=locks, waits=waits):
        tell(line)
