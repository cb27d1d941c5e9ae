"""Write the data that the page's scripts show, in files that they load on demand.

A page opened from disk may not fetch, but it may run a script: each file is one call that registers
its data. That is JSON, compressed and in base64: no value of it is ever read as script or markup.
A table in it is a map of columns; a text is the place of its value in the list of that column name.
"""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pyarrow as pa

from pipeline.report.exports import LEVEL, read_exported
from pipeline.report.views import Frames

if TYPE_CHECKING:
    import duckdb

# Apart from the history, since a snapshot may have any name.
SNAPSHOTS, DEPENDENCIES = "data/snapshots", "data/dependencies"
HISTORY = "data/history.js"
PLACES = 3  # of percentages and shares
PREFIX = 7  # letters of a hash that tell the specs of a package apart; Spack takes such a prefix

# What is shown of a snapshot: its table in the file, and the query. Lists are JSON text.
SNAPSHOT_TABLES = {
    "overlap": """
        select tag, stack_a, stack_b, shared_package_count, package_jaccard
        from stack_overlap
        where shared_package_count > 0
    """,
    # Null is an index, which may list any package.
    "refused": """
        select
            tag,
            unnest(
                list_transform(packages, lambda name: {package: name, stack: null})
                || list_transform(index_stacks, lambda name: {package: null, stack: name}),
                recursive := true
            )
        from steps.refused_sources
    """,
    "specs": """
        select specs.tag, package, platform, os, target, compiler, version,
            variants, to_json(stacks)::varchar as stacks,
            is_in_root, size_bytes, array_to_string(recorded_libcs.glibc, '.') as glibc, specs.hash
        from specs
        left join steps.recorded_libcs
            on recorded_libcs.tag = specs.tag
            and recorded_libcs.hash = specs.hash
    """,
}
NO_OVERLAP = f"{SNAPSHOT_TABLES['overlap']} limit 0"
# Of the newest snapshot of each kind alone: it takes the closure of every spec.
DEPENDENTS = "select tag, package, dependent_count from dependents where dependent_count > 0"
NO_DEPENDENTS = pl.DataFrame(
    schema={"tag": pl.String, "package": pl.String, "dependent_count": pl.Int64}
)
# The views that these read and that are not exported.
DATA_VIEWS = ("recorded_libcs", "refused_sources", "stack_overlap")
# Those of the views that are exported too.
EXPORTED_TABLES = {
    "cells": "newest_versions",
    "duplicates": "duplicate_packages",
    "changes": "snapshot_changes",
    "gaps": "gaps",
    "matrix": "matrix_cells",
    "membership": "snapshot_membership",
    "packages": "package_snapshots",
    "stacks": "stack_coverage",
}
LISTS = ("changed_stacks", "differing_dependencies", "stacks", "variants")
UNUSED = ("tag", "previous_tag", "covered_pct", "environment_count")


def data_file(tag: str) -> str:
    """Return the path of a snapshot's data file, relative to the reports."""
    return f"{SNAPSHOTS}/{tag}.js"


def dependencies_file(tag: str) -> str:
    """Return the path of a snapshot's dependencies file, relative to the reports."""
    return f"{DEPENDENCIES}/{tag}.js"


def write_dependencies(connection: duckdb.DuckDBPyConnection, folder: Path, tag: str) -> None:
    """Write the link and run dependencies of each spec of a snapshot, if known.

    Specs are numbered in the order of their hashes; a dependency that the snapshot lacks is null.
    """
    needs = connection.sql(
        """
        with numbered as (
            select hash, row_number() over (order by hash) - 1 as place
            from (select distinct hash from spec_stacks where tag = $tag)
        )
        select
            specs.place as spec,
            dependencies.dependency_name,
            found.place as dependency,
            dependencies.is_external
        from dependencies
        inner join numbered as specs on specs.hash = dependencies.hash
        left join numbered as found on found.hash = dependencies.dependency_hash
        where dependencies.tag = $tag and list_has_any(dependencies.deptypes, ['link', 'run'])
        order by all
        """,
        params={"tag": tag},
    ).pl()
    if needs.height:
        write_file(folder, dependencies_file(tag), {"needs": needs}, {})


def read_version_places(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the rank of each version in Spack's order; equal versions share one."""
    return dict(
        connection.execute(
            "select version, dense_rank() over (order by version_key) from version_order"
        ).fetchall()
    )


def write_snapshot_data(
    folder: Path,
    tag: str,
    frames: Frames,
    places: dict[str, int],
    dependents: pl.DataFrame | None,
) -> None:
    """Write the file of a snapshot; the newest of its kind has `dependents` and whole hashes.

    Hashes are the one thing that does not compress: of other snapshots a prefix has to do.
    """
    tables = {name: frames[name] for name in SNAPSHOT_TABLES}
    tables["dependents"] = NO_DEPENDENTS if dependents is None else dependents
    tables |= {name: list_as_text(frames[view]) for name, view in EXPORTED_TABLES.items()}
    tables = {name: frame.drop(UNUSED, strict=False) for name, frame in tables.items()}
    if dependents is None:
        tables["specs"] = tables["specs"].with_columns(pl.col("hash").str.head(PREFIX))
    write_file(folder, data_file(tag), tables, places)


def write_history(folder: Path, tags: list[str], places: dict[str, int]) -> None:
    """Write what every package has in each snapshot, `tags` in the order in which it is shown.

    Table `packages` has a row for each snapshot; `cells` one for each run of snapshots in which an
    environment has the same newest version: `first`, a place in `tags`, and `length`.
    """
    order = pl.DataFrame(
        {"tag": tags, "place": range(len(tags))}, schema={"tag": pl.String, "place": pl.Int64}
    )
    packages = (
        read_exported(folder, "package_snapshots", tags).join(order, on="tag").drop("tag", "stacks")
    )
    versions = (
        read_exported(folder, "newest_versions", tags)
        .join(order, on="tag")
        .select(
            "package", "platform", "os", "target", "place", version="environment_newest_version"
        )
        .sort("package", "platform", "os", "target", "place")
    )
    goes_on = pl.all_horizontal(
        *(
            pl.col(name) == pl.col(name).shift()
            for name in ("package", "platform", "os", "target", "version")
        ),
        pl.col("place") == pl.col("place").shift() + 1,
    ).fill_null(False)
    runs = (
        versions.with_columns(run=(~goes_on).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(
            pl.first("package", "platform", "os", "target", "version"),
            first=pl.first("place"),
            length=pl.len(),
        )
        .drop("run")
    )
    tables = {"packages": packages.sort("package", "place"), "cells": runs}
    write_file(folder, HISTORY, tables, places)


def list_as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with its lists of names, which hold no quotes, as JSON text."""
    return frame.with_columns(
        pl.when(pl.col(name).list.len() == 0)
        .then(pl.lit("[]"))
        .otherwise(pl.format('["{}"]', pl.col(name).list.join('","')))
        .alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.List(pl.String)
    )


def write_file(folder: Path, name: str, tables: Frames, places: dict[str, int]) -> None:
    """Write the file of data `folder`/`name`: tables, their values, the order of versions."""
    values, columns = encode(tables)
    payload = msgspec.json.encode(
        {
            "values": values,
            "tables": columns,
            "version_places": [places[version] for version in values.get("version", [])],
        }
    )
    packed = base64.b64encode(gzip.compress(payload, LEVEL, mtime=0)).decode()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'coverageData("{name}", "{packed}");\n', encoding="ascii")


def encode(tables: Frames) -> tuple[dict[str, list[Any]], dict[str, dict[str, Any]]]:
    """Return the distinct values of each text column by name, and the tables as indexes into them.

    >>> encode({"t": pl.DataFrame({"os": ["b", "a", "b"], "n": [1, 2, None]})})
    ({'os': ['a', 'b']}, {'t': {'os': [1, 0, 1], 'n': [1, 2, None]}})
    """
    # By Arrow, in which this takes two thirds of the time.
    texts = {
        (table, column.name): column.to_arrow().dictionary_encode()
        for table, frame in tables.items()
        for column in frame
        if column.dtype == pl.String and column.name != "hash"
    }
    found: dict[str, set[str]] = {}
    for (_, name), array in texts.items():
        found.setdefault(value_name(name), set()).update(array.dictionary.to_pylist())
    values: dict[str, list[Any]] = {name: sorted(listed) for name, listed in found.items()}
    places = {
        name: {text: place for place, text in enumerate(listed)} for name, listed in values.items()
    }

    def encode_column(table: str, column: pl.Series) -> str | list[Any]:
        if column.name == "hash":
            return "".join(column)
        array = texts.get((table, column.name))
        if array is not None:
            place = places[value_name(column.name)]
            own = [place[text] for text in array.dictionary.to_pylist()]
            numbers: list[Any] = pa.array(own, pa.int32()).take(array.indices).to_pylist()
            return numbers
        if column.dtype == pl.Boolean:
            return column.cast(pl.Int8).to_list()
        return (column.round(PLACES) if column.dtype.is_float() else column).to_list()

    encoded = {
        table: {column.name: encode_column(table, column) for column in frame}
        for table, frame in tables.items()
    }
    for name in values.keys() & {*LISTS}:  # They are JSON text already.
        values[name] = [msgspec.Raw(text.encode()) for text in values[name]]
    return values, encoded


def value_name(column: str) -> str:
    """Return the name under which a column shares its values with similar columns."""
    return "version" if column.endswith("newest_version") else column
