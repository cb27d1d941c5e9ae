"""The group of commands, and the one place where an error becomes a message and an exit status.

Nothing is computed in `pipeline.cli`. Heavy imports stand where they are used, so that `--help`
answers at once.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from pipeline import __version__
from pipeline.cli.ask import diff, package, query, sql, usable
from pipeline.cli.build import build, report
from pipeline.cli.fetch import fetch
from pipeline.cli.flatten import flatten
from pipeline.cli.options import say
from pipeline.errors import CoverageError, ExitStatus

INTERRUPTED = "interrupted; what is there is whole, and the same command goes on from it"


class Commands(click.Group):
    """The commands; the one place where an error becomes a message and an exit status."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run what the arguments name; what the system refuses at last is said, too."""
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            place = error.filename or "standard output"
            say(f"error: {place}: {error.strerror}; write to another place")
            sys.exit(ExitStatus.FAILED)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command named; what can't be done is said in one line, without a traceback."""
        try:
            return super().invoke(ctx)
        except CoverageError as error:
            say(f"error: {error}")
            ctx.exit(error.status)
        except KeyboardInterrupt:
            say(INTERRUPTED)
            ctx.exit(ExitStatus.FAILED)
        except RuntimeError as error:
            # So DuckDB tells of Ctrl-C.
            if "interrupted" not in str(error):
                raise
            say(INTERRUPTED)
            ctx.exit(ExitStatus.FAILED)
        except BrokenPipeError:
            # The reader, `head` say, has seen enough.
            sys.stderr.close()
            ctx.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the data's way."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cache-coverage")
def main() -> None:
    """Tell what the Spack build cache has built, for which compiler, OS and CPU target.

    The way of the data: fetch brings a cache's indexes, flatten reads pages into Parquet tables,
    build makes a DuckDB file of them, report writes what it says; package, usable and diff ask it
    what is asked most, query and sql anything.

    Exit status: 0 done, 1 it could not be done, 2 wrong usage, 3 with --strict something was
    rejected, 4 with --fail-on-loss something was lost.
    """


# In the order of the pipeline, as `--help` lists them.
for command in (fetch, flatten, build, report, query, package, usable, diff, sql):
    main.add_command(command)
