"""Decode indexes: the specs of one snapshot's mirrors as frames, like those of pages.

A spec that several mirrors list is one spec with several stacks, as on a page. The first index that
lists it decides its content; a record that differs under the same hash is rejected.
"""

from __future__ import annotations

import os
import re
from array import array
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
    DECODED_SIZES,
    DECODED_SPECS,
    Decoded,
    columns_to_frame,
)
from pipeline.sources.files import MirrorName, PageFile
from pipeline.sources.mirror.blobs import SpecManifests
from pipeline.sources.mirror.index import (
    Node,
    Records,
    compiler_of,
    compilers_of,
    flags_of,
    links_root,
    read_index,
    read_name,
    read_node,
    read_record,
    variants_of,
)
from pipeline.sources.mirror.layout import mirror_folder
from pipeline.sources.rejects import PageError, Reject, RejectCode, RejectedSpecs, shown

IS_HASH = re.compile(HASH)
IS_COMPILER = re.compile(r"none|[A-Za-z0-9][A-Za-z0-9._+-]*@=?[A-Za-z0-9][A-Za-z0-9._+=-]*")
INDEX_LINE = 1  # Spack writes an index on one line
# What indexes that list the same hash must agree on.
CONTENT = (
    *("versions", "compiler", "os", "platform", "target", "variants", "flags"),
    *("namespace", "package_hash", "build_spec"),
)
MAY_LACK = ("namespace", "package_hash")  # which older versions of Spack do not write
# Columns that are collected row by row; the others are derived, or are null.
SPEC_COLUMNS = ("page_number", "item", "line", "hash", "stacks", *CONTENT)
PAGE_COLUMNS = ("page_number", "page", "tag", "package", "entry_count", "byte_count")
EDGE_COLUMNS = ("tag", "hash", "dependency_hash", "dependency_name", "deptypes", "virtuals")
RECORDS = {
    "tag": pl.String(),
    "dependency_hash": pl.String(),
    "dependency_version": pl.String(),
    "is_external": pl.Boolean(),
    "external_path": pl.String(),
}

Key = tuple[str, str]  # tag and hash
Place = tuple[str, str, int, str]  # of a record: page, tag, item and hash
Columns = dict[str, list[Any]]


def decode_indexes(files: Sequence[PageFile]) -> Decoded:
    """Read the indexes of a snapshot's mirrors, one after the other.

    An unreadable index is rejected whole, an invalid record by itself. The `page` of a spec is the
    path of the first index that lists its package.
    """
    specs = SpecCollector()
    for file in files:
        specs.take_index(file)
    return specs.decoded()


class SpecCollector:
    """Collects the specs of several indexes in columns; as objects they take far more memory."""

    def __init__(self) -> None:
        self.specs: Columns = {name: [] for name in SPEC_COLUMNS}
        self.pages: Columns = {name: [] for name in PAGE_COLUMNS}
        self.edges: Columns = {name: [] for name in EDGE_COLUMNS}
        self.compilers: Columns = {name: [] for name in DECODED_COMPILERS}
        self.sizes: Columns = {name: [] for name in DECODED_SIZES}
        self.rejects: list[Reject] = []
        self.refused: set[tuple[str, str, str]] = set()  # tag, hash and message
        self.page_numbers: dict[Key, int] = {}  # by tag and package
        self.rows: dict[Key, int] = {}  # of `specs`
        # By row: the index that it is from, a digest of its record, and where its rows of `edges`
        # are.
        self.sources: list[str] = []
        self.digests = array("q")
        self.edge_starts = array("q")
        self.edge_counts = array("q")
        self.bare: dict[Key, tuple[str, int, msgspec.Raw]] = {}  # records without a binary
        # Repeated values are kept once, lists by number. Of 1,900 MiB and 10 s of CPU time for
        # 100,000 records of 5 kB, texts save 620 MiB and cost 1 s; lists save 500 MiB and 2 s.
        self.texts: dict[str, str] = {}
        self.lists: dict[tuple[str, ...], int] = {(): 0}
        # Values that passed the checks: there are few distinct ones.
        self.names: set[str] = set()
        self.compiler_names: set[str] = set()

    def take_index(self, file: PageFile) -> None:
        """Add the records of one index, or reject it whole."""
        mirror = file.mirror
        if mirror is None:
            raise ValueError(f"{file.page} is not an index")
        try:
            check_place(mirror)
            records, repeated = read_index(file)
        except PageError as error:
            tag = mirror.tag if IS_NAME.fullmatch(mirror.tag) else None
            stack = mirror.stack if mirror.stack and IS_NAME.fullmatch(mirror.stack) else None
            self.rejects.append(error.reject(file.page, tag, stack))
            return
        manifests = SpecManifests(mirror_folder(os.fsdecode(file.path)), links_root(file))
        rejected = RejectedSpecs()
        for item, (spec_hash, raw) in enumerate(records.items()):
            try:
                self.take_record(file.page, mirror, item, spec_hash, raw, records, manifests)
            except PageError as error:
                self.reject(rejected, (file.page, mirror.tag, item, spec_hash), raw, error)
        items = {spec_hash: item for item, spec_hash in enumerate(records)} if repeated else {}
        for spec_hash in repeated:
            again = PageError(
                RejectCode.DUPLICATE_SPEC,
                "hash: expected once in an index, found again; of its records the last is kept",
            )
            place = file.page, mirror.tag, items[spec_hash], spec_hash
            self.reject(rejected, place, records[spec_hash], again)
        self.rejects.extend(rejected.rows())

    def take_record(
        self,
        page: str,
        mirror: MirrorName,
        item: int,
        spec_hash: str,
        raw: msgspec.Raw,
        records: Records,
        manifests: SpecManifests,
    ) -> None:
        """Add one record: a spec of the mirror's stack, or a dependency.

        Raises
        ------
        PageError
            It is not a record as Spack writes one, or an earlier index has another for the hash.
        """
        key = mirror.tag, spec_hash
        record = read_record(raw)
        if not (record.in_buildcache or record.installed):
            self.bare.setdefault(key, (page, item, record.spec.copy()))
            return
        row = self.rows.get(key)
        digest = hash(bytes(record.spec))
        if row is not None and self.digests[row] == digest:
            package = self.pages["package"][self.specs["page_number"][row]]
            size = manifests.size_of(package, self.specs["versions"][row][0], spec_hash)
        else:
            node = read_node(record.spec)
            if record.installed and node.external is not None:
                # Spack marks externals as installed too.
                self.bare.setdefault(key, (page, item, record.spec.copy()))
                return
            languages = dict(compilers_of(node, records))
            content = self.check_content(node, spec_hash, languages)
            if row is not None:
                self.check_same(row, node, content)
            size = manifests.size_of(node.name, node.version, spec_hash)
            if row is None:
                row = self.add_spec(page, key, item, raw, node, content, languages, digest)
        if size is not None:
            self.add(
                self.sizes, tag=mirror.tag, hash=spec_hash, stack=mirror.stack, size_bytes=size
            )
        if mirror.stack is not None:
            self.specs["stacks"][row].append(mirror.stack)

    def check_content(
        self, node: Node, spec_hash: str, languages: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return a spec's columns, except for its page and stacks.

        Raises
        ------
        PageError
            The value of a column is not allowed.
        """
        target = node.arch.target
        self.check_name("name", node.name)
        self.check_hash("hash", spec_hash)
        if node.hash not in (None, spec_hash):
            raise PageError(
                RejectCode.BAD_VALUE,
                f"expected one hash, found {shown(node.hash)} within the record of another",
            )
        for edge in node.dependencies:
            if edge.hash not in self.texts or edge.name not in self.names:
                self.check_edge(edge.name, edge.hash)
        return {
            "hash": spec_hash,
            "compiler": self.check_compiler(compiler_of(node, languages)),
            "os": self.check_name("os", node.arch.platform_os),
            "platform": self.check_name("platform", node.arch.platform),
            "target": self.check_name("target", target if isinstance(target, str) else target.name),
            "versions": [node.version],
            "variants": [self.texts.setdefault(v, v) for v in variants_of(node.parameters)],
            "flags": flags_of(node.parameters),
            "namespace": node.namespace,
            "package_hash": node.package_hash,
            "build_spec": node.build_spec and self.check_hash("build_spec", node.build_spec.hash),
        }

    def check_name(self, what: str, name: str) -> str:
        """Return a name; raise PageError if it is invalid."""
        if name not in self.names:
            if not IS_NAME.fullmatch(name):
                raise PageError(
                    RejectCode.BAD_VALUE, f"{what}: expected {A_NAME}, found {shown(name)}"
                )
            self.names.add(name)
        return name

    def check_hash(self, what: str, spec_hash: str) -> str:
        """Return a hash; raise PageError if it is invalid."""
        if not IS_HASH.fullmatch(spec_hash):
            raise PageError(
                RejectCode.BAD_VALUE,
                f"{what}: expected 32 of a-z and 2-7, found {shown(spec_hash)}",
            )
        return spec_hash

    def check_compiler(self, compiler: str) -> str:
        """Return a compiler; raise PageError if it is neither `none` nor NAME@VERSION."""
        if compiler not in self.compiler_names:
            if not IS_COMPILER.fullmatch(compiler):
                raise PageError(
                    RejectCode.BAD_VALUE,
                    f"compiler: expected 'none' or NAME@VERSION, found {shown(compiler)}",
                )
            self.compiler_names.add(compiler)
        return compiler

    def check_edge(self, name: str, spec_hash: str) -> None:
        """Raise PageError if a dependency's name or hash is invalid."""
        if not (IS_HASH.fullmatch(spec_hash) and IS_NAME.fullmatch(name)):
            raise PageError(
                RejectCode.BAD_VALUE,
                f"dependencies: expected a name and a hash, found {shown(name)} {shown(spec_hash)}",
            )
        self.names.add(name)

    def check_same(self, row: int, node: Node, content: Mapping[str, Any]) -> None:
        """Raise PageError if a spec differs from that of an earlier index with the same hash.

        Spack once gave a spliced spec the hash of the original (spack/spack#48578). The raw text
        may differ: two versions of Spack write the same spec differently.
        """
        start = self.edge_starts[row]
        edges = {
            (self.edges["dependency_name"][edge], self.edges["dependency_hash"][edge])
            for edge in range(start, start + self.edge_counts[row])
        }
        package = self.pages["package"][self.specs["page_number"][row]]
        found = [f"package {node.name} != {package}"] if node.name != package else []
        for column in CONTENT:
            ours, theirs = content[column], self.specs[column][row]
            if column in MAY_LACK and None in (ours, theirs):
                continue
            if isinstance(ours, list):
                ours, theirs = sorted(ours), sorted(theirs)
            if ours != theirs:
                found.append(f"{column} {shown(text_of(ours))} != {shown(text_of(theirs))}")
        if {(edge.name, edge.hash) for edge in node.dependencies} != edges:
            found.append("other dependencies")
        if found:
            raise PageError(
                RejectCode.DUPLICATE_SPEC,
                f"hash: expected the spec that {self.sources[row]} has, and that is kept; "
                f"found {', '.join(found)}",
            )

    def add_spec(
        self,
        page: str,
        key: Key,
        item: int,
        raw: msgspec.Raw,
        node: Node,
        content: dict[str, Any],
        languages: Mapping[str, str],
        digest: int,
    ) -> int:
        """Add a spec without a stack, with its compilers and dependencies; return its row."""
        tag, spec_hash = key
        number = self.page_number(tag, node.name, page)
        self.pages["entry_count"][number] += 1
        self.pages["byte_count"][number] += memoryview(raw).nbytes
        row = self.rows[key] = len(self.sources)
        self.sources.append(page)
        self.digests.append(digest)
        self.edge_starts.append(len(self.edges["hash"]))
        self.edge_counts.append(len(node.dependencies))
        self.add(self.specs, page_number=number, item=item, line=INDEX_LINE, stacks=[], **content)
        for language, compiler in languages.items():
            self.add(self.compilers, tag=tag, hash=spec_hash, language=language, compiler=compiler)
        self.add_edges(tag, spec_hash, node)
        return row

    def page_number(self, tag: str, package: str, page: str) -> int:
        """Return the number of a package's page; `page` is its path if it is new."""
        number = self.page_numbers.setdefault((tag, package), len(self.page_numbers))
        if number == len(self.pages["page"]):
            values = (number, page, tag, package, 0, 0)
            self.add(self.pages, **dict(zip(PAGE_COLUMNS, values, strict=True)))
        return number

    def add(self, columns: Columns, **values: Any) -> None:
        """Add a row to columns."""
        for name, value in values.items():
            columns[name].append(value)

    def add_edges(self, tag: str, spec_hash: str, node: Node) -> None:
        """Add the dependencies of a spec."""
        columns, edges = self.edges, node.dependencies
        texts, lists = self.texts, self.lists
        columns["tag"].extend([tag] * len(edges))
        columns["hash"].extend([spec_hash] * len(edges))
        columns["dependency_hash"].extend([texts.setdefault(e.hash, e.hash) for e in edges])
        columns["dependency_name"].extend([texts.setdefault(e.name, e.name) for e in edges])
        columns["deptypes"].extend([lists.setdefault(e.deptypes, len(lists)) for e in edges])
        columns["virtuals"].extend(
            [lists.setdefault(e.parameters.virtuals, len(lists)) for e in edges]
        )

    def reject(
        self, rejected: RejectedSpecs, place: Place, raw: msgspec.Raw, error: PageError
    ) -> None:
        """Reject one record; the same fault in several indexes is one reject."""
        _, tag, _, spec_hash = place
        if error.code != RejectCode.DUPLICATE_SPEC:
            if (tag, spec_hash, error.message) in self.refused:
                return
            self.refused.add((tag, spec_hash, error.message))
        rejected.add(lambda: self.make_reject(place, raw, error))

    def make_reject(self, place: Place, raw: msgspec.Raw, error: PageError) -> Reject:
        """Return the reject for a record, which is an entry of its package's page."""
        page, tag, item, spec_hash = place
        package = package_of(raw)
        if package is not None:
            number = self.page_number(tag, package, page)
            self.pages["entry_count"][number] += 1
            self.pages["byte_count"][number] += memoryview(raw).nbytes
        return Reject(
            page,
            INDEX_LINE,
            error.code,
            error.message,
            tag=tag,
            package=package,
            item=item,
            hash=spec_hash,
        )

    def decoded(self) -> Decoded:
        """Return everything that was added as frames."""
        bare = self.take_bare_records()
        specs = columns_to_frame(self.specs, DECODED_SPECS)
        pages = columns_to_frame(self.pages, DECODED_PAGES)
        dependencies = self.dependencies(with_built_records(bare, specs, pages))
        return Decoded(
            add_provided_virtuals(specs, pages, dependencies),
            pages,
            self.rejects,
            dependencies,
            columns_to_frame(self.compilers, DECODED_COMPILERS),
            columns_to_frame(self.sizes, DECODED_SIZES),
        )

    def take_bare_records(self) -> pl.DataFrame:
        """Add the dependencies of records without a binary, and return these as RECORDS.

        A record that is external in one stack is external in all: its spec is missing nowhere.
        """
        rows = []
        rejected = RejectedSpecs()
        for (tag, spec_hash), (page, item, raw) in self.bare.items():
            is_built = (tag, spec_hash) in self.rows
            try:
                node = read_node(raw)
                for edge in node.dependencies:
                    self.check_edge(edge.name, edge.hash)
            except PageError as error:
                if not is_built:
                    self.reject(rejected, (page, tag, item, spec_hash), raw, error)
                continue
            path = node.external and node.external.path
            if node.external is not None or not is_built:
                rows.append((tag, spec_hash, node.version, node.external is not None, path))
            if not is_built:
                self.add_edges(tag, spec_hash, node)
        self.rejects.extend(rejected.rows())
        return pl.DataFrame(rows, RECORDS, orient="row")

    def dependencies(self, records: pl.DataFrame) -> pl.DataFrame:
        """Return the dependencies, joined with the records that they refer to."""
        lists = pa.array(list(self.lists), pa.large_list(pa.large_string()))
        edges: dict[str, list[Any] | pa.Array] = self.edges | {
            name: lists.take(pa.array(self.edges[name], pa.int64()))
            for name in ("deptypes", "virtuals")
        }
        return (
            columns_to_frame(edges, DECODED_DEPENDENCIES)
            .select(EDGE_COLUMNS)
            .join(records, on=("tag", "dependency_hash"), how="left", maintain_order="left")
            .with_columns(pl.col("is_external").fill_null(False))
            .select(DECODED_DEPENDENCIES.names())
        )


def check_place(mirror: MirrorName) -> None:
    """Raise PageError if the folders of a mirror can't be names of a snapshot and stack."""
    for name in (mirror.tag, *([mirror.stack] if mirror.stack else [])):
        if not IS_NAME.fullmatch(name):
            raise PageError(
                RejectCode.BAD_VALUE,
                f"the folder of its snapshot or stack is not a valid name: {shown(name)}; "
                "give others with --tag and --stack",
            )


def package_of(raw: msgspec.Raw) -> str | None:
    """Return the package of a record, if it can still be read."""
    try:
        name = read_name(read_record(raw).spec)
    except PageError:
        return None
    return name if IS_NAME.fullmatch(name) else None


def text_of(value: object) -> str:
    """Return a column's value as text for a message."""
    return " ".join(value) if isinstance(value, list) else str(value)


def with_built_records(
    bare: pl.DataFrame, specs: pl.DataFrame, pages: pl.DataFrame
) -> pl.DataFrame:
    """Return RECORDS of all records: those without a binary, and specs."""
    built = specs.join(pages, on="page_number").select(
        "tag",
        pl.col("hash").alias("dependency_hash"),
        pl.col("versions").list.first().alias("dependency_version"),
        pl.lit(False).alias("is_external"),
        pl.lit(None, pl.String).alias("external_path"),
    )
    return pl.concat([bare, built]).unique(("tag", "dependency_hash"), keep="first")


def add_provided_virtuals(
    specs: pl.DataFrame, pages: pl.DataFrame, dependencies: pl.DataFrame
) -> pl.DataFrame:
    """Return specs with the virtual packages that other specs of the snapshot use them for."""
    provided = (
        dependencies.filter(pl.col("virtuals").list.len() > 0)
        .select("tag", pl.col("dependency_hash").alias("hash"), "virtuals")
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
