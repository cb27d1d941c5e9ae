"""The rows that the page's scripts show, as files of data: compact, and loaded when asked for.

A page opened from disk may not fetch, but it may run a script: each file is one call that registers
its data. That is JSON, compressed and in base64: no value of it is ever read as script or markup.
A table in it is a map of columns; a text is the place of its value in the list of that column name.
"""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.report.views import Frames

if TYPE_CHECKING:
    import duckdb

HISTORY = "history"  # the file of all snapshots that have none of their own
BUILD = "package, platform, os, target, compiler, version, variants"
# Columns of these that the page does not show.
UNUSED = (
    "previous_tag",
    "joint_package_count",
    "joint_spec_count",
    "shared_spec_count",
    "spec_jaccard",
)
KEYS = ("package", "compiler", "os", "target", "platform", "stack", "stack_a", "stack_b", "tag")
PLACES = 3  # of percentages and shares
# What is shown of one snapshot, each a view's rows of it.
VIEWS = {
    "matrix": "matrix_cells",
    "packages": "package_snapshots",
    "changes": "snapshot_changes",
    "stacks": "stack_coverage",
    "overlap": "stack_overlap",
    "duplicates": "duplicate_packages",
}
LEVEL = 7  # of compression: the highest takes four times as long, for 2 % less


def write_data(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    own: list[str],
    frames: Frames,
) -> None:
    """Write `folder`/TAG.js for each tag of `own`, with hashes, and history.js for the others.

    The history holds each package's line of every snapshot, and of the other snapshots all but
    hashes: those are the one thing that does not compress, and the database has them. `frames` are
    the rows of VIEWS, by view.
    """
    folder.mkdir()
    tables = {
        name: as_text(frames[view].drop(UNUSED, strict=False))
        # Weeks of one thing side by side are nearly the same, and compress so.
        .sort(*(key for key in KEYS if key in frames[view].columns))
        .with_columns(pl.selectors.float().round(PLACES))
        for name, view in VIEWS.items()
    }
    places = connection.sql(
        "select version, dense_rank() over (order by version_key) as place from version_order"
    ).pl()
    for tag in own:
        mine = {name: frame.filter(pl.col("tag") == tag) for name, frame in tables.items()}
        write_file(folder, tag, mine | {"builds": read_specs(connection, tag)}, places)
    others = {name: frame.filter(~pl.col("tag").is_in(own)) for name, frame in tables.items()}
    builds = read_builds(connection, own)
    history = others | {"packages": tables["packages"]} | builds
    write_file(folder, HISTORY, history, places)


def read_specs(connection: duckdb.DuckDBPyConnection, tag: str) -> pl.DataFrame:
    """Read the specs of a snapshot."""
    query = f"select {BUILD}, stacks, is_in_root, hash from specs where tag = ? order by all"
    return as_text(connection.sql(query, params=[tag]).pl())


def read_builds(connection: duckdb.DuckDBPyConnection, own: list[str]) -> Frames:
    """Read the builds of all snapshots but `own`, each once, and the runs of those that have it.

    A build is what a spec is, its hash and stacks aside. A run is a number of snapshots in a row,
    in the order of their tags, that have as many specs of a build: `build`, the rows of builds from
    the run before it to this one's; `skip`, the snapshots between the two, or before the first;
    `length`; `specs`.
    """
    rows = connection.sql(
        f"""
        with numbered as (
            select tag, row_number() over (order by tag) - 1 as place
            from snapshots
            where not list_contains(?, tag)
        )
        select {BUILD}, place, count(*) as specs
        from specs
        inner join numbered using (tag)
        group by all
        order by all
        """,
        params=[own],
    ).pl()
    names = BUILD.split(", ")
    # Equal rows lie together; what differs from the row before it is another build.
    is_new = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in names)
    rows = rows.with_columns(is_new=is_new).with_columns(
        skip=pl.col("place") - pl.when("is_new").then(-1).otherwise(pl.col("place").shift()) - 1,
        goes_on=~pl.col("is_new") & (pl.col("specs") == pl.col("specs").shift()),
    )
    goes_on = (pl.col("goes_on") & (pl.col("skip") == 0)).fill_null(False)
    runs = (
        rows.with_columns(run=(~goes_on).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(pl.first("is_new", "skip", "specs"), length=pl.len())
        .with_columns(build=pl.col("is_new").cast(pl.Int64))
    )
    return {
        "builds": as_text(rows.filter("is_new").select(names)),
        "runs": runs.select("build", "skip", "length", "specs"),
    }


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Give a frame with its lists of text as JSON: as values they are then told apart quickly."""
    return frame.with_columns(
        pl.col(column).map_elements(
            lambda entries: json.dumps(entries.to_list(), ensure_ascii=False),
            return_dtype=pl.String,
        )
        for column, dtype in frame.schema.items()
        if dtype.is_nested()
    )


def write_file(folder: Path, name: str, tables: Frames, places: pl.DataFrame) -> None:
    """Write one file of data: tables, their values, and the order of the versions in it."""
    values, columns = encode(tables)
    by_version = dict(places.iter_rows())
    payload = {
        "values": values,
        "tables": columns,
        "version_places": [by_version.get(version, 0) for version in values.get("version", [])],
    }
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(text.encode(), LEVEL, mtime=0)).decode()
    (folder / f"{name}.js").write_text(f'coverageData("{name}", "{packed}");\n', encoding="ascii")


def encode(tables: Frames) -> tuple[dict[str, list[Any]], dict[str, dict[str, list[Any]]]]:
    """Give the values of each text column by its name, and the tables with their places there.

    >>> encode({"t": pl.DataFrame({"os": ["b", "a", "b"], "n": [1, 2, None]})})
    ({'os': ['a', 'b']}, {'t': {'os': [1, 0, 1], 'n': [1, 2, None]}})
    """
    texts: dict[str, set[str]] = {}
    for frame in tables.values():
        for column in frame.select(pl.selectors.string()):
            if column.name != "hash":
                texts.setdefault(column.name, set()).update(column.drop_nulls().unique())
    values = {name: sorted(found) for name, found in texts.items()}
    encoded = {
        table: {column.name: encode_column(column, values) for column in frame}
        for table, frame in tables.items()
    }
    # These are lists, as JSON.
    lists = {
        name: [json.loads(text) for text in values[name]]
        for name in ("variants", "stacks")
        if name in values
    }
    return values | lists, encoded


def encode_column(column: pl.Series, values: dict[str, list[str]]) -> Any:
    """Give a column's places in `values`; numbers, dates and truths as they are."""
    if column.name == "hash":
        return "".join(column)
    if column.dtype == pl.String:
        return column.cast(pl.Enum(values[column.name])).to_physical().to_list()
    if column.dtype == pl.Boolean:
        return column.cast(pl.Int8).to_list()
    return column.to_list()
