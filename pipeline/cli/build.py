"""`cache-coverage build` and `report`."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import out_option, say, tell


@click.command(short_help="Make the DuckDB file of the tables and sql/.")
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


@click.command()
@out_option
def report(out: Path) -> None:
    """Write index.html, summary.md and CSV files to OUT/reports."""
    from pipeline.cli.progress import say_waiting
    from pipeline.report.write import write_reports

    for line in write_reports(out, waits=lambda: say_waiting(out)):
        tell(line)
