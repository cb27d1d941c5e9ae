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

Installs = Mapping[str, msgspec.Raw]
Key = tuple[str, str]


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
        self.specs: dict[str, list[Any]] = {name: [] for name in DECODED_SPECS}
        self.pages: dict[str, list[Any]] = {name: [] for name in DECODED_PAGES}
        self.dependencies: dict[str, list[Any]] = {name: [] for name in DECODED_DEPENDENCIES}
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
            for name, values in self.pages.items():
                values.append(0 if name in ("entry_count", "byte_count") else None)
            known = {"page_number": number, "page": page, "tag": tag, "package": package}
            for name, value in known.items():
                self.pages[name][number] = value
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
        """Give all that was taken as frames."""
        external = set[Key]()
        for key, raw in self.mere.items():
            if key in self.stacks:
                continue
            try:
                node = read_node(raw)
                self.check_dependencies(node)
            except PageError:
                continue  # It is no spec of this cache, and what it needs is not known.
            if node.external is not None:
                external.add(key)
            self.add_dependencies(*key, node)
        needed = zip(self.dependencies["tag"], self.dependencies["dependency_hash"], strict=True)
        lists = pa.array(list(self.lists), pa.large_list(pa.large_string()))
        dependencies: dict[str, list[Any] | pa.Array] = self.dependencies | {
            name: lists.take(pa.array(self.dependencies[name], pa.int64()))
            for name in ("deptypes", "virtuals")
        }
        dependencies["is_external"] = [key in external for key in needed]
        return Decoded(
            columns_to_frame(self.specs, DECODED_SPECS),
            columns_to_frame(self.pages, DECODED_PAGES),
            self.rejects,
            columns_to_frame(dependencies, DECODED_DEPENDENCIES),
            columns_to_frame(self.compilers, DECODED_COMPILERS),
        )
