"""Indexes to columns: the specs of one snapshot's mirrors as frames, like those of its pages.

A spec that several mirrors hold is one spec with several stacks, as on a page. What the index of
each says of it is the same, so it is taken from the first.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from pipeline.names import A_NAME, HASH, IS_NAME
from pipeline.sources.decoded import (
    DECODED_COMPILERS,
    DECODED_DEPENDENCIES,
    DECODED_PAGES,
    DECODED_SPECS,
    Decoded,
    columns_to_frame,
)
from pipeline.sources.files import PageFile
from pipeline.sources.mirror.index import (
    Node,
    compiler_of,
    compilers_of,
    flags_of,
    read_index,
    read_node,
    read_record,
    size_of,
    variants_of,
)
from pipeline.sources.mirror.layout import split_index
from pipeline.sources.rejects import PageError, Reject, RejectCode, shown

IS_HASH = re.compile(HASH)
INDEX_LINE = 1  # Spack writes an index on one line

# Of DECODED_PAGES and DECODED_DEPENDENCIES; the rest follows, or is not in an index.
PAGE_COLUMNS = ("page_number", "page", "tag", "package", "entry_count", "byte_count")
EDGE_COLUMNS = ("tag", "hash", "dependency_hash", "dependency_name", "deptypes", "virtuals")

Installs = Mapping[str, msgspec.Raw]
Key = tuple[str, str]
RECORD_COLUMNS = {
    "tag": pl.String(),
    "dependency_hash": pl.String(),
    "dependency_version": pl.String(),
    "is_external": pl.Boolean(),
    "external_path": pl.String(),
}


def decode_indexes(files: Sequence[PageFile]) -> Decoded:
    """Read the indexes of a snapshot's mirrors, one after the other.

    An index that can't be read is refused whole, a record by itself. Its `page` is the path of the
    first index that has a spec of the package.
    """
    gathering = Gathering()
    # All that is made here is needed to the end, so looking for garbage would find none.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        for file in files:
            try:
                gathering.take_index(file)
            except PageError as error:
                gathering.rejects.append(error.reject(file.page))
        return gathering.decoded()
    finally:
        if is_collecting:
            gc.enable()


class Gathering:
    """Specs as they come, column by column: the records themselves would take far more memory."""

    def __init__(self) -> None:
        self.specs: dict[str, list[Any]] = {
            name: [] for name in DECODED_SPECS if name != "provided_virtuals"
        }
        self.pages: dict[str, list[Any]] = {name: [] for name in PAGE_COLUMNS}
        self.dependencies: dict[str, list[Any]] = {name: [] for name in EDGE_COLUMNS}
        self.compilers: dict[str, list[Any]] = {name: [] for name in DECODED_COMPILERS}
        self.rejects: list[Reject] = []
        self.stacks: dict[Key, list[str]] = {}  # of each spec met, by tag and hash
        self.numbers: dict[Key, int] = {}  # of pages, by tag and package
        self.mere: dict[Key, msgspec.Raw] = {}  # dependencies without a binary
        # What comes again and again, kept once: variants, and what dependencies are known by.
        self.variants: dict[str, str] = {}
        self.hashes: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.lists: dict[tuple[str, ...], int] = {(): 0}

    def take_index(self, file: PageFile) -> None:
        """Take the records of one index.

        Raises
        ------
        PageError
            It can't be read, or its mirror's names are none.
        """
        mirror = file.mirror
        if mirror is None:
            raise ValueError(f"{file.page} is no index")
        for name in (mirror.tag, *([mirror.stack] if mirror.stack else [])):
            if not IS_NAME.fullmatch(name):
                raise PageError(
                    RejectCode.BAD_VALUE,
                    f"the folder of its snapshot or stack is no name: {shown(name)}; "
                    "give others with --tag and --stack",
                )
        installs = read_index(file)
        folder, layout = split_index(os.fsdecode(file.path))
        for item, (spec_hash, raw) in enumerate(installs.items()):
            key = mirror.tag, spec_hash
            stacks = self.stacks.get(key)
            package = None
            try:
                record = read_record(raw)
                if not record.in_buildcache:
                    self.mere.setdefault(key, record.spec.copy())
                    continue
                if stacks is None:
                    self.stacks[key] = stacks = []
                    node = read_node(record.spec)
                    package = self.package_of(node)
                    number = self.page_number(mirror.tag, package, file.page)
                    self.pages["entry_count"][number] += 1
                    self.pages["byte_count"][number] += memoryview(raw).nbytes
                    row = self.row_of(node, key, installs)
                    row["size_bytes"] = size_of(folder, node, spec_hash) if layout == 3 else None
                    self.add(self.specs, page_number=number, item=item, stacks=stacks, **row)
                    self.add_dependencies(mirror.tag, spec_hash, node)
            except PageError as error:
                self.rejects.append(
                    Reject(
                        file.page,
                        INDEX_LINE,
                        error.code,
                        error.message,
                        tag=mirror.tag,
                        package=package,
                        item=item,
                        hash=spec_hash,
                    )
                )
            if stacks is not None and mirror.stack is not None:
                stacks.append(mirror.stack)

    def package_of(self, node: Node) -> str:
        """Give a spec's package, or raise PageError where its name is none."""
        if not IS_NAME.fullmatch(node.name):
            raise PageError(
                RejectCode.BAD_VALUE, f"name: expected {A_NAME}, found {shown(node.name)}"
            )
        return node.name

    def page_number(self, tag: str, package: str, page: str) -> int:
        """Give the number of the page that a package's specs are put on."""
        number = self.numbers.setdefault((tag, package), len(self.numbers))
        if number == len(self.pages["page"]):
            values = (number, page, tag, package, 0, 0)
            self.add(self.pages, **dict(zip(PAGE_COLUMNS, values, strict=True)))
        return number

    def row_of(self, node: Node, key: Key, installs: Installs) -> dict[str, Any]:
        """Give a spec's columns but those of its place, and note its compilers.

        Raises
        ------
        PageError
            One of them is not to be had.
        """
        tag, spec_hash = key
        if node.hash not in (None, spec_hash):
            raise PageError(
                RejectCode.BAD_VALUE,
                f"expected one hash, found {shown(node.hash)} within the record of another",
            )
        self.check_dependencies(node)
        target = node.arch.target
        languages = dict(compilers_of(node, installs))
        variants = variants_of(node.parameters)
        for language, compiler in languages.items():
            self.add(self.compilers, tag=tag, hash=spec_hash, language=language, compiler=compiler)
        return {
            "line": INDEX_LINE,
            "hash": spec_hash,
            "compiler": compiler_of(node, languages),
            "os": node.arch.platform_os,
            "platform": node.arch.platform,
            "target": target if isinstance(target, str) else target.name,
            "versions": [node.version],
            "variants": [self.variants.setdefault(variant, variant) for variant in variants],
            "tarball": None,
            "flags": flags_of(node.parameters),
            "namespace": node.namespace,
            "package_hash": node.package_hash,
            "build_spec": node.build_spec and node.build_spec.hash,
        }

    def check_dependencies(self, node: Node) -> None:
        """Refuse a spec one of whose dependencies is none."""
        for edge in node.dependencies:
            if edge.hash in self.hashes and edge.name in self.names:
                continue
            if not (IS_HASH.fullmatch(edge.hash) and IS_NAME.fullmatch(edge.name)):
                found = f"{shown(edge.name)} {shown(edge.hash)}"
                raise PageError(
                    RejectCode.BAD_VALUE, f"dependencies: expected a name and a hash, found {found}"
                )

    def add(self, columns: dict[str, list[Any]], **values: Any) -> None:
        """Add a row to columns."""
        for name, value in values.items():
            columns[name].append(value)

    def add_dependencies(self, tag: str, spec_hash: str, node: Node) -> None:
        """Add what a spec depends on."""
        columns, edges = self.dependencies, node.dependencies
        columns["tag"].extend([tag] * len(edges))
        columns["hash"].extend([spec_hash] * len(edges))
        hashes, names, lists = self.hashes, self.names, self.lists
        columns["dependency_hash"].extend([hashes.setdefault(e.hash, e.hash) for e in edges])
        columns["dependency_name"].extend([names.setdefault(e.name, e.name) for e in edges])
        # By their numbers: there are few different ones.
        columns["deptypes"].extend([lists.setdefault(e.deptypes, len(lists)) for e in edges])
        columns["virtuals"].extend(
            [lists.setdefault(e.parameters.virtuals, len(lists)) for e in edges]
        )

    def decoded(self) -> Decoded:
        """Return all that was taken as frames."""
        specs = columns_to_frame(self.specs, DECODED_SPECS)
        pages = columns_to_frame(self.pages, DECODED_PAGES)
        records = self.take_bare_records(specs, pages)
        lists = pa.array(list(self.lists), pa.large_list(pa.large_string()))
        edges: dict[str, list[Any] | pa.Array] = self.dependencies | {
            name: lists.take(pa.array(self.dependencies[name], pa.int64()))
            for name in ("deptypes", "virtuals")
        }
        dependencies = (
            columns_to_frame(edges, DECODED_DEPENDENCIES)
            .select(EDGE_COLUMNS)
            .join(records, on=("tag", "dependency_hash"), how="left", maintain_order="left")
            .with_columns(pl.col("is_external").fill_null(False))
            .select(DECODED_DEPENDENCIES.names())
        )
        return Decoded(
            add_provided_virtuals(specs, pages, dependencies),
            pages,
            self.rejects,
            dependencies,
            columns_to_frame(self.compilers, DECODED_COMPILERS),
        )

    def take_bare_records(self, specs: pl.DataFrame, pages: pl.DataFrame) -> pl.DataFrame:
        """Take the dependencies of records without a binary; return what every record says.

        Columns: tag, dependency_hash, dependency_version, is_external, external_path.
        """
        rows = []
        for (tag, spec_hash), raw in self.mere.items():
            if (tag, spec_hash) in self.stacks:
                continue
            try:
                node = read_node(raw)
                self.check_dependencies(node)
            except PageError:
                continue  # Not a spec of this cache, and what it needs is not known.
            path = node.external and node.external.path
            rows.append((tag, spec_hash, node.version, node.external is not None, path))
            self.add_dependencies(tag, spec_hash, node)
        bare = pl.DataFrame(rows, RECORD_COLUMNS, orient="row")
        built = specs.join(pages, on="page_number").select(
            "tag",
            pl.col("hash").alias("dependency_hash"),
            pl.col("versions").list.first().alias("dependency_version"),
            pl.lit(False).alias("is_external"),
            pl.lit(None, pl.String).alias("external_path"),
        )
        return pl.concat([bare, built])


def add_provided_virtuals(
    specs: pl.DataFrame, pages: pl.DataFrame, dependencies: pl.DataFrame
) -> pl.DataFrame:
    """Return specs with the virtual packages that others of their snapshot take from them."""
    provided = (
        dependencies.filter(pl.col("virtuals").list.len() > 0)
        .select("tag", pl.col("dependency_hash").alias("hash"), pl.col("virtuals"))
        .unique()
        .explode("virtuals")
        .group_by("tag", "hash")
        .agg(pl.col("virtuals").unique().sort().alias("provided_virtuals"))
    )
    tags = pages.select("page_number", "tag")
    return (
        specs.drop("provided_virtuals")
        .join(tags, on="page_number", how="left", maintain_order="left")
        .join(provided, on=("tag", "hash"), how="left", maintain_order="left")
        .with_columns(pl.col("provided_virtuals").fill_null([]))
        .select(DECODED_SPECS.names())
    )
