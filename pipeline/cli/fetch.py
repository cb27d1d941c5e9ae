"""`cache-coverage fetch`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import say
from pipeline.text import counted

if TYPE_CHECKING:
    from pipeline.fetch.location import FetchOptions
    from pipeline.fetch.run import FetchSummary

# Options of every command that fetches.
FETCH_OPTIONS = (
    click.option(
        "--s3-host",
        metavar="URL",
        help="HTTP server of s3://BUCKET/…; {bucket} in it stands for BUCKET."
        "  [default: the public cache's, for its own bucket]",
    ),
    click.option(
        "--endpoint-url",
        metavar="URL",
        help="Endpoint of an object store such as MinIO or Ceph.",
    ),
    click.option("--region", help="Region of an S3 bucket."),
    click.option("--anonymous", is_flag=True, help="Access buckets without credentials."),
    click.option(
        "--allow-host",
        "allowed_hosts",
        metavar="HOST",
        multiple=True,
        help="Follow the cache's list to this host or bucket too; may be repeated.",
    ),
    click.option(
        "--view",
        "views",
        metavar="NAME",
        multiple=True,
        help="Download this view of a mirror's index instead; may be repeated.",
    ),
    click.option(
        "--sizes/--no-sizes",
        "with_sizes",
        default=None,
        help="Download each spec's manifest, which has the size of its binary: one small file per"
        " spec of a layout 3 mirror or registry.  [default: registries only]",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 64),
        default=8,
        show_default=True,
        help="Concurrent downloads.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, 20),
        default=4,
        show_default=True,
        help="Retries per URL on connection errors, truncated responses, 429 and 5xx.",
    ),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(0, min_open=True),
        default=30.0,
        show_default=True,
        help="Longest time without a byte from the server.",
    ),
    click.option(
        "--max-time",
        metavar="SECONDS",
        type=click.FloatRange(0, min_open=True),
        default=3600.0,
        show_default=True,
        help="Longest time per file, including retries.",
    ),
)


def fetch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of fetching to a command."""
    for option in reversed(FETCH_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Download a build cache's indexes.")
@click.argument("url", required=False)
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to download to; unchanged files are not downloaded again.",
)
@click.option(
    "--mirrors",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Download the binary mirrors of Spack's mirrors.yaml instead, each as a stack.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="Only this snapshot; may be repeated. With --mirrors: the snapshot's name."
    "  [default with --mirrors: mirrors]",
)
@click.option("--stack", "stacks", multiple=True, help="Only this stack; may be repeated.")
@fetch_options
def fetch(
    url: str | None,
    to: Path,
    mirrors: Path | None,
    tags: tuple[str, ...],
    stacks: tuple[str, ...],
    **settings: Any,
) -> None:
    """Download a build cache's indexes into a folder that flatten reads.

    URL is the top of a cache with a list of its snapshots, such as https://binaries.spack.io, or a
    single mirror: http://, https://, s3://, gs://, az://, oci:// or oci+http://. Only changed
    files are downloaded again. Other commands work without a network.
    """
    if (url is None) == (mirrors is None):
        raise click.UsageError("give either URL or --mirrors FILE")
    if mirrors and len(tags) > 1:
        raise click.UsageError("--mirrors takes one --tag, the snapshot's name")
    from pipeline.cli.progress import show_progress
    from pipeline.fetch.run import fetch_cache, fetch_mirrors

    options = make_options(**settings)
    with closing(show_progress(to, "fetching indexes", "indexes")) as bar:
        if url is not None:
            summary = fetch_cache(url, to, tags=tags, stacks=stacks, options=options, progress=bar)
        elif mirrors is not None:
            tag = tags[0] if tags else "mirrors"
            summary = fetch_mirrors(
                mirrors, to, tag=tag, stacks=stacks, options=options, progress=bar
            )
    say(describe_fetch(to, summary))


def make_options(
    *, endpoint_url: str | None, region: str | None, anonymous: bool, **settings: Any
) -> FetchOptions:
    """Return the options of fetching as `pipeline.fetch` takes them."""
    from pipeline.fetch.buckets import BucketOptions
    from pipeline.fetch.location import FetchOptions

    return FetchOptions(buckets=BucketOptions(endpoint_url, region, anonymous), **settings)


def describe_fetch(to: Path, summary: FetchSummary) -> str:
    """Print what a run downloaded."""
    of_tags = f" of {counted(summary.tag_count, 'snapshot')}" if summary.tag_count else ""
    indexes = f"{summary.index_count:,} index{'' if summary.index_count == 1 else 'es'}"
    return (
        f"{to}: {indexes}{of_tags}, {summary.changed_count:,} new or changed "
        f"({summary.byte_count / 1e6:,.1f} MB)"
    )
