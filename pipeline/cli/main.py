"""The group of commands, and the one place where an error becomes a message and an exit status.

Nothing is computed in `pipeline.cli`. Heavy imports are local, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from pipeline import __version__
from pipeline.cli.ask import diff, missing, package, query, sql, usable
from pipeline.cli.build import build, report
from pipeline.cli.fetch import fetch
from pipeline.cli.find import find
from pipeline.cli.flatten import flatten
from pipeline.cli.lock import lock
from pipeline.cli.options import say
from pipeline.cli.site import serve, site
from pipeline.cli.stack import stack
from pipeline.errors import CoverageError, ExitStatus

INTERRUPTED = "Interrupted; outputs are intact. Run the same command again to resume."
NO_MEMORY = "not enough memory; read fewer snapshots at a time with --tag, or ask for fewer rows"


class Commands(click.Group):
    """The commands, in the order of the pipeline."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run the command line; report an output that cannot be written."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # click's own messages and help
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            place = error.filename or "standard output"
            say(f"error: {place}: {error.strerror}; write to another place")
            sys.exit(ExitStatus.FAILED)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; turn its errors into a message without a traceback, and a status."""
        try:
            return super().invoke(ctx)
        except CoverageError as error:
            say(f"error: {error}")
            ctx.exit(error.status)
        except KeyboardInterrupt:
            say(INTERRUPTED)
            ctx.exit(ExitStatus.FAILED)
        except MemoryError:
            say(f"error: {NO_MEMORY}")
            ctx.exit(ExitStatus.FAILED)
        except RuntimeError as error:
            # DuckDB reports Ctrl-C this way.
            if "interrupted" not in str(error):
                raise
            say(INTERRUPTED)
            ctx.exit(ExitStatus.FAILED)
        except BrokenPipeError:
            # The reader, such as `head`, closed the pipe.
            sys.stderr.close()
            ctx.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cache-coverage")
def main() -> None:
    """Analyze what the Spack build cache holds for each compiler, OS and CPU target.

    Pipeline: fetch (optional) downloads a cache's indexes; flatten reads pages and indexes into
    Parquet tables; build loads them into a DuckDB database; report writes HTML, Markdown and CSV;
    site (optional) writes a website. The other commands query the database.

    Exit status: 0 success; 1 failure; 2 wrong usage; 3 something was rejected, with --strict;
    4 something was lost, with --fail-on-loss, too little is cached, with --fail-under, or a root is
    missing, with --fail-on-missing.
    """


# `--help` lists them in this order.
for command in (
    fetch,
    flatten,
    build,
    report,
    query,
    package,
    usable,
    missing,
    diff,
    find,
    lock,
    stack,
    sql,
    site,
    serve,
):
    main.add_command(command)
