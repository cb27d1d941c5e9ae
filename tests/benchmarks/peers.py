"""Other ways to flatten pages, as their users would, to one row per spec and stack.

Run as `python peers.py NAME FOLDER FILE`; writes FILE as Parquet, without checks, canonical forms,
rejects or partitions. `make bench` gives it an environment of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def flatten_with_pyyaml(folder: Path, file: Path) -> None:
    """Flatten with PyYAML's C loader and PyArrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import yaml

    def rows() -> Iterator[dict[str, Any]]:
        for page in folder.rglob("*.md"):
            front = yaml.load(page.read_text().split("---")[1], yaml.CSafeLoader)
            for spec in front["spec_details"]:
                for stack in spec["stacks"]:
                    yield {
                        **spec,
                        "tag": front["categories"][1],
                        "package": front["title"],
                        "stack": stack,
                    }

    pq.write_table(pa.Table.from_pylist(list(rows())), file)


def flatten_with_pandas(folder: Path, file: Path) -> None:
    """Flatten with python-frontmatter and pandas."""
    import frontmatter
    import pandas as pd

    frames = []
    for path in folder.rglob("*.md"):
        page: dict[str, Any] = frontmatter.load(str(path)).metadata
        specs = pd.DataFrame(page["spec_details"])
        specs["tag"], specs["package"] = page["categories"][1], page["title"]
        frames.append(specs.explode("stacks"))
    pd.concat(frames).rename(columns={"stacks": "stack"}).to_parquet(file)


def flatten_with_duckdb(folder: Path, file: Path) -> None:
    """Flatten with DuckDB alone: its text reader and its JSON functions."""
    import duckdb

    duckdb.execute(
        r"""
        copy (
            with pages as (
                select
                    regexp_extract(content, 'title: "(.*)"', 1) as package,
                    regexp_extract(content, 'categories: \[package, (.*)\]', 1) as tag,
                    regexp_extract(content, '\nspec_details: (.*)\n---', 1) as details
                from read_text($pages)
            ),
            specs as (
                select tag, package, unnest(from_json(details, '[{
                    "hash": "VARCHAR", "compiler": "VARCHAR", "versions": ["VARCHAR"],
                    "os": "VARCHAR", "platform": "VARCHAR", "target": "VARCHAR",
                    "variants": ["VARCHAR"], "stacks": ["VARCHAR"], "size": "VARCHAR"
                }]'), recursive := true)
                from pages
            )
            select * exclude (stacks), unnest(stacks) as stack from specs
        ) to '"""
        + str(file).replace("'", "''")
        + "' (format parquet)",
        {"pages": f"{folder}/**/*.md"},
    )


PEERS = {
    "PyYAML's C loader": flatten_with_pyyaml,
    "python-frontmatter, pandas": flatten_with_pandas,
    "DuckDB alone": flatten_with_duckdb,
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
