"""`cache-coverage fetch`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from pipeline.cli.options import say
from pipeline.text import counted


@click.command()
@click.argument("url")
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that the tree is kept in; what did not change is not brought again.",
)
@click.option("--tag", "tags", multiple=True, help="Keep to this snapshot; may be repeated.")
@click.option("--stack", "stacks", multiple=True, help="Keep to this stack; may be repeated.")
@click.option(
    "--s3-host",
    metavar="ADDRESS",
    help="What serves s3://BUCKET/… over HTTP; {bucket} in it stands for BUCKET."
    "  [default: the public cache's]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Indexes brought at a time.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=4,
    show_default=True,
    help="How often an address is asked again that does not answer, breaks off or is overloaded.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="How long a server may send nothing.",
)
def fetch(
    url: str,
    to: Path,
    tags: tuple[str, ...],
    stacks: tuple[str, ...],
    s3_host: str | None,
    jobs: int,
    retries: int,
    timeout: float,
) -> None:
    """Bring a build cache's indexes into a tree that flatten reads.

    URL is the top of a cache with a list of its snapshots, as https://binaries.spack.io or
    s3://spack-binaries, or a single mirror; http://, https:// or s3://. This command alone uses
    the network.
    """
    from pipeline.cli.progress import Bar
    from pipeline.fetch.run import fetch_cache

    with closing(Bar(to, "fetching indexes", "indexes")) as bar:
        outcome = fetch_cache(
            url,
            to,
            tags=tags,
            stacks=stacks,
            s3_host=s3_host,
            jobs=jobs,
            retries=retries,
            timeout=timeout,
            progress=bar,
        )
    of_tags = f" of {counted(outcome.tag_count, 'snapshot')}" if outcome.tag_count else ""
    indexes = counted(outcome.index_count, "index", "indexes")
    say(
        f"{to}: {indexes}{of_tags}, {outcome.brought_count:,} new or changed "
        f"({bar.byte_count / 1e6:,.1f} MB)"
    )
