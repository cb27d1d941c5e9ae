"""Decode front matter: the specs of many pages as one frame, as in the pages.

Other kinds of source plug in here: anything that yields `Decoded` is flattened the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, chain

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.json

from pipeline.sources.decoded import (
    DECODED_PAGES,
    DECODED_SPECS,
    INDEX_COLUMNS,
    LISTS,
    TEXTS,
    Decoded,
    columns_to_frame,
)
from pipeline.sources.rejects import PageError, Reject, RejectCode
from pipeline.sources.site.front_matter import (
    DETAILS_LINE,
    META_KEYS,
    NO_SIZE,
    CutPage,
    PageHead,
    SpecEntry,
    cut_page,
    read_page,
)

# A JSON column has one type, but a size is text or a number: numbers get their own key.
SIZE_NUMBER = re.compile(rb'"size":\s*([0-9]+)')
SIZE_NUMBER_KEY = "size number"


def arrow_schema(specs: dict[str, pa.DataType]) -> pa.Schema:
    """Return the schema of a JSON line with one page's specs."""
    return pa.schema({"specs": pa.list_(pa.struct(specs))})


PLAIN_SPEC = {
    **dict.fromkeys(TEXTS, pa.string()),
    **dict.fromkeys(LISTS, pa.list_(pa.string())),
    "size": pa.string(),
    "tarball": pa.string(),
}
PLAIN = arrow_schema(PLAIN_SPEC)
WITH_SIZES = arrow_schema(PLAIN_SPEC | {SIZE_NUMBER_KEY: pa.int64()})
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OUT_OF_MEMORY = "needs more memory than there is"
BLOCK_BYTES = 4 * 1024 * 1024


class NotPlainError(Exception):
    """At least one page needs the slow path; the JSON reader does not say which."""


def decode_pages(pages: Sequence[tuple[str, bytes]]) -> Decoded:
    """Decode pages, given as name and bytes, on the fast path where possible.

    The fast path accepts a page only if the slow path would return exactly the same rows.
    """
    cuts = {
        number: cut for number, (_, data) in enumerate(pages) if (cut := cut_page(data)) is not None
    }
    frames, counts = decode_cuts(list(cuts.items()))
    heads = {number: (cuts[number].head, count) for number, count in counts.items()}

    entries: list[tuple[int, int, int, SpecEntry]] = []
    rejects: list[Reject] = []
    for number, (page, data) in enumerate(pages):
        if number in heads:
            continue
        if is_readme(page, data):
            continue
        try:
            read = read_page(page, data)
        except PageError as error:
            rejects.append(error.reject(page))
            continue
        except MemoryError:
            rejects.append(Reject(page, 1, RejectCode.UNREADABLE, OUT_OF_MEMORY))
            continue
        heads[number] = read.head, read.entry_count
        entries.extend((number, item, line, entry) for item, line, entry in read.entries)
        rejects.extend(read.rejects)

    if entries or not frames:
        frames.append(entries_to_frame(entries))
    return Decoded(pl.concat(frames), heads_to_frame(pages, heads), rejects)


def is_readme(page: str, data: bytes) -> bool:
    """Return whether a file is the README of a repository or mirror, not a page."""
    name = page.rpartition("/")[2].lower()
    return name == "readme.md" and not data.removeprefix(BYTE_ORDER_MARK).startswith(b"---")


def decode_cuts(cuts: Sequence[tuple[int, CutPage]]) -> tuple[list[pl.DataFrame], dict[int, int]]:
    """Decode numbered pages in the site's own format, all at once.

    Returns frames of DECODED_SPECS, and the number of entries of each accepted page. Pages that are
    left out need the slow path.
    """
    if not cuts:
        return [], {}
    try:
        return decode_details([number for number, _ in cuts], [cut.details for _, cut in cuts])
    except (pa.ArrowInvalid, NotPlainError):
        if len(cuts) == 1:
            return [], {}
        middle = len(cuts) // 2
        left_frames, left_counts = decode_cuts(cuts[:middle])
        right_frames, right_counts = decode_cuts(cuts[middle:])
        return left_frames + right_frames, left_counts | right_counts


def decode_details(
    numbers: Sequence[int], details: Sequence[bytes]
) -> tuple[list[pl.DataFrame], dict[int, int]]:
    """Decode the JSON of `spec_details` of many pages with Arrow's strict reader.

    It refuses unknown keys, duplicate keys, and any type other than the schema's.

    Raises
    ------
    NotPlainError, pyarrow.ArrowInvalid
        At least one of the pages is refused.
    """
    lists = read_lines(details)
    # One line per page: none may count as two, or as none.
    if len(lists) != len(details) or lists.null_count():
        raise NotPlainError
    counts = lists.list.len().cast(pl.Int64)
    specs = (
        pl.DataFrame([pl.Series("page_number", numbers, pl.Int64), lists])
        .with_columns(start=counts.cum_sum() - counts)
        .explode("specs", empty_as_null=False)
        .unnest("specs")
    )
    values = [specs[name] for name in (*TEXTS, *LISTS)]
    values += [specs[name].explode(empty_as_null=False) for name in LISTS]
    if any(column.null_count() for column in values):
        raise NotPlainError
    specs = specs.with_columns(
        item=pl.int_range(pl.len()) - pl.col("start"),
        line=pl.lit(DETAILS_LINE, pl.Int64),
        size_bytes=SIZE_NUMBER_KEY if SIZE_NUMBER_KEY in specs.columns else pl.lit(None, pl.Int64),
        **{name: pl.lit(None, dtype) for name, dtype in INDEX_COLUMNS.items()},
    )
    size = pl.when(pl.col("size_bytes").is_null()).then(pl.lit(NO_SIZE))
    if not specs.select(pl.col("size").eq_missing(size).all()).item():
        raise NotPlainError
    return [specs.select(DECODED_SPECS.names())], dict(zip(numbers, counts.to_list(), strict=True))


def read_lines(details: Sequence[bytes]) -> pl.Series:
    """Read each page's specs as a list; numeric sizes get their own key.

    Raises
    ------
    NotPlainError, pyarrow.ArrowInvalid
        At least one page differs from the schemas.
    """
    lines = b"".join(part for text in details for part in (b'{"specs":', text, b"}\n"))
    # The reader refuses lines that do not fit into a block.
    block_size = max(BLOCK_BYTES, 2 * max(map(len, details)))

    def read(lines: bytes, schema: pa.Schema) -> pa.Table:
        return pyarrow.json.read_json(
            pa.BufferReader(lines),
            pyarrow.json.ReadOptions(use_threads=False, block_size=block_size),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )

    try:
        table = read(lines, PLAIN)
    except pa.ArrowInvalid:
        # The site has no sizes, so this search nearly always finds none.
        if SIZE_NUMBER_KEY.encode() in lines or not SIZE_NUMBER.search(lines):
            raise
        table = read(SIZE_NUMBER.sub(rb'"%s":\1' % SIZE_NUMBER_KEY.encode(), lines), WITH_SIZES)
    if not lines.isascii():
        table.validate(full=True)  # The reader does not validate UTF-8.
    return pl.DataFrame(table)["specs"]


def entries_to_frame(entries: Sequence[tuple[int, int, int, SpecEntry]]) -> pl.DataFrame:
    """Return entries, with their page number, item number and line, as DECODED_SPECS."""
    specs = [entry for *_, entry in entries]
    return columns_to_frame(
        {
            "page_number": [number for number, *_ in entries],
            "item": [item for _, item, *_ in entries],
            "line": [line for _, _, line, _ in entries],
            "size_bytes": [spec.size if isinstance(spec.size, int) else None for spec in specs],
            **{
                name: [getattr(spec, name) for spec in specs]
                for name in (*TEXTS, *LISTS, "tarball")
            },
        },
        DECODED_SPECS,
    )


def heads_to_frame(
    pages: Sequence[tuple[str, bytes]], heads: dict[int, tuple[PageHead, int]]
) -> pl.DataFrame:
    """Return page heads, with their number of entries, as DECODED_PAGES in the pages' order."""
    numbers = sorted(heads)
    rows = [heads[number][0] for number in numbers]
    # Each page's values at once: they are scattered in memory.
    metas = zip(*(msgspec.structs.astuple(head.meta) for head in rows), strict=True)
    declared = dict(zip(META_KEYS, metas, strict=False))  # none without a page
    declared["num_specs_by_stack"] = pair_counts(declared.get("num_specs_by_stack", ()))
    return columns_to_frame(
        {
            "page_number": numbers,
            "page": [pages[number][0] for number in numbers],
            "tag": [head.tag for head in rows],
            "package": [head.package for head in rows],
            "entry_count": [heads[number][1] for number in numbers],
            "byte_count": [head.byte_count for head in rows],
            **declared,
        },
        DECODED_PAGES,
    )


def pair_counts(counts: Sequence[dict[str, int] | None]) -> pa.LargeListArray:
    """Return mappings whose keys are data as lists of pairs; a missing mapping is null."""
    known = [mapping or {} for mapping in counts]
    *starts, end = accumulate(map(len, known), initial=0)
    # A null offset makes that list null.
    offsets = [
        None if mapping is None else start for mapping, start in zip(counts, starts, strict=True)
    ]
    return pa.LargeListArray.from_arrays(
        pa.array([*offsets, end], pa.int64()),
        pa.StructArray.from_arrays(
            [
                pa.array(chain.from_iterable(known), pa.large_string()),
                pa.array(chain.from_iterable(map(dict.values, known)), pa.int64()),
            ],
            ["stack", "spec_count"],
        ),
    )
