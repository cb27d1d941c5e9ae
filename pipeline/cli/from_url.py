"""`report --from URL`: fetch, flatten and build before the report is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.fetch import describe_fetch
from pipeline.cli.flatten import describe_rejects
from pipeline.cli.options import say

if TYPE_CHECKING:
    from pipeline.fetch.location import FetchOptions

FETCHED_FOLDER = "fetched"  # below OUT


def update_from_url(
    url: str, out: Path, tags: Sequence[str], stacks: Sequence[str], options: FetchOptions
) -> None:
    """Download a cache below `out`, and update its tables and database.

    In a cache with a list, `tags` and `stacks` are filters. A single mirror takes the first of each
    as its snapshot and stack; by default, the snapshot is named for its folder.
    """
    from pipeline import api
    from pipeline.cli.progress import say_waiting, show_progress
    from pipeline.fetch.run import fetch_cache

    to = out / FETCHED_FOLDER / cache_folder(url)
    with closing(show_progress(out, "fetching indexes", "indexes")) as bar:
        fetched = fetch_cache(
            url, to, tags=tags, stacks=stacks, names_mirror=True, options=options, progress=bar
        )
        bar.start_stage("reading pages", "pages")
        is_single = fetched.tag_count == 0
        tables = api.flatten(
            to,
            out=out,
            tags=tags[:1] if is_single else (),
            stack=stacks[0] if is_single and stacks else None,
            progress=bar,
        )
    say(describe_fetch(to, fetched))
    if tables.rejected:
        say(f"warning: {describe_rejects(tables, out)}")
    api.build(out, waits=lambda: say_waiting(out))


def cache_folder(url: str) -> Path:
    """Return the folder that a cache is downloaded to: HOST/PATH, in names safe for folders.

    A single mirror is thus named for the last part of its URL.

    >>> cache_folder("oci://me:secret@ghcr.io/OWNER/NAME").as_posix()
    'ghcr.io/OWNER/NAME'
    >>> cache_folder("http://127.0.0.1:8000/%2e%2e/a b/build_cache").as_posix()
    '127.0.0.1-8000/2e-2e/a-b'
    """
    from pipeline.fetch.urls import check_scheme, split_login, split_mirror

    check_scheme(url)
    named, _ = split_login(url)
    parts = split_mirror(named).base.partition("://")[2].split("/")
    names = (re.sub("[^A-Za-z0-9._+]+", "-", part).strip("-._+") for part in parts)
    return Path(*filter(None, names))
