"""Read any bytes as a page in every possible way, and compare the results.

The page is read as the pipeline does, then with the fast way shut, then as YAML alone, and last by
a few plain lines here that know nothing of the pipeline.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any
from unittest import mock

import polars as pl
import yaml
from polars.testing import assert_frame_equal

from pipeline.schemas import PAGES, REJECTS, SPEC_STACKS
from pipeline.sources.decoded import Decoded
from pipeline.sources.rejects import PageError
from pipeline.sources.site import decode, front_matter
from pipeline.sources.site.decode import decode_pages
from pipeline.sources.site.front_matter import ReadPage
from pipeline.tables.flatten import Tables, combine_tables, flatten_pages
from pipeline.text import printable

REQUIRED = {
    "hash",
    "compiler",
    "versions",
    "os",
    "platform",
    "target",
    "size",
    "stacks",
    "variants",
}


PRINTABLE = "\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
BAD_ESCAPE = r"(?<!\\)(?:\\\\)*\\(?:u[dD][89a-fA-F]..|[^0abt\tnvfre \"/\\N_LPxuU\n])"


class Lenient(yaml.CSafeLoader):
    """Ignores constructs that it does not know; which entries these spoil is left to others."""


Lenient.add_constructor(None, lambda loader, node: None)
for _kind in ("merge", "value", "timestamp"):
    Lenient.add_constructor(f"tag:yaml.org,2002:{_kind}", lambda loader, node: None)


def check_page(data: bytes) -> Tables:
    """Compare the readers with each other; return the tables of the page.

    Raises
    ------
    AssertionError
        They differ, or a row is not in the page. Anything else that is raised is a fault as well.
    """
    fast = decode_pages([("page.md", data)])
    with mock.patch.object(decode, "decode_cuts", return_value=([], {})):
        careful = decode_pages([("page.md", data)])
    assert_same(fast, careful)
    check_yaml(data)
    tables = combine_tables([flatten_pages(fast)])
    check_tables(tables, fast)
    if not tables[SPEC_STACKS].is_empty():
        check_rows(tables[SPEC_STACKS], read_plainly(data))
    return tables


def assert_same(fast: Decoded, careful: Decoded) -> None:
    """Check that both have the same specs, pages and rejects."""
    assert_frame_equal(
        fast.specs.sort("page_number", "item"), careful.specs.sort("page_number", "item")
    )
    assert_frame_equal(fast.pages, careful.pages)
    assert fast.rejects == careful.rejects


def check_yaml(data: bytes) -> None:
    """Compare what JSON and YAML both accept of a page.

    Not where it has line ends that only YAML knows, which it folds within a text.
    """
    if any(end.encode() in data for end in "\x85\u2028\u2029"):
        return
    pages: list[ReadPage] = []
    for is_cut in (True, False):
        cut = front_matter.cut_page if is_cut else lambda data: None
        with mock.patch.object(front_matter, "cut_page", cut):
            try:
                pages.append(front_matter.read_page("page.md", data))
            except PageError:
                return
    as_json, as_yaml = pages
    assert as_json.head == as_yaml.head
    assert as_json.entry_count == as_yaml.entry_count
    in_yaml = {item: entry for item, _, entry in as_yaml.entries}
    for item, _, entry in as_json.entries:
        assert entry == in_yaml.get(item, entry)


def check_tables(tables: Tables, decoded: Decoded) -> None:
    """Check that the tables conform, and count each entry once: as a spec or a reject."""
    for frame, table in (
        (tables[SPEC_STACKS], SPEC_STACKS),
        (tables[PAGES], PAGES),
        (tables[REJECTS], REJECTS),
    ):
        table.conform(frame)
    assert len(tables[PAGES]) + len(tables[REJECTS].filter(pl.col("item").is_null())) == 1
    for page in tables[PAGES].to_dicts():
        rejected = tables[REJECTS]["item"].drop_nulls()
        accepted = tables[SPEC_STACKS].select("hash").n_unique() if page["spec_count"] else 0
        assert page["entry_count"] == decoded.pages["entry_count"][0]
        assert page["spec_count"] == accepted
        assert page["rejected_count"] == len(rejected) == rejected.n_unique()
        assert page["entry_count"] == page["spec_count"] + page["rejected_count"]
        assert page["spec_stack_count"] == len(tables[SPEC_STACKS])
    for message in tables[REJECTS]["message"]:
        assert printable(message) == message
        assert len(message) < 500


def read_plainly(data: bytes) -> list[Any]:
    """Read the entries of `spec_details` with Python's JSON, or PyYAML, alone.

    JSON comes first: not all of it is YAML, which has no pairs of surrogates and no DEL, say.
    """
    lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    if len(lines) > 5 and lines[5].startswith("spec_details: ["):
        written = re.sub("[\x00-\x08\x0b-\x1f]", "?", lines[5].removeprefix("spec_details: "))
        try:
            found: list[Any] = json.loads(written)
        except (ValueError, RecursionError):
            pass
        else:
            return found
    end = next(number for number, line in enumerate(lines) if number and line.rstrip() == "---")
    front = "\n".join(lines[1:end])
    # Forbidden characters change the entry, so that it is in no row.
    marked = re.sub(f"[^\t\n\r{PRINTABLE}]", "\ufffd", front)
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        try:
            values = yaml.load(marked, Loader=Lenient)
        except yaml.YAMLError:
            values = yaml.load(re.sub(BAD_ESCAPE, "\ufffd", marked), Loader=Lenient)
    finally:
        sys.set_int_max_str_digits(digits)
    entries: list[Any] = values["spec_details"]
    return entries


def check_rows(spec_stacks: pl.DataFrame, entries: list[Any]) -> None:
    """Check that each row is an entry of the page, value by value."""
    by_hash: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if isinstance(entry, dict) and entry.keys() >= REQUIRED and isinstance(entry["hash"], str):
            by_hash.setdefault(entry["hash"], []).append(entry)
    for row in spec_stacks.to_dicts():
        assert any(is_row_of(row, entry) for entry in by_hash[row["hash"]])


def is_row_of(row: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Return whether a row of spec_stacks agrees with an entry of a page."""
    size = entry["size"] if isinstance(entry["size"], int) else None
    version = str(entry["compiler"]).replace("@=", "@").partition("@")[2]
    return (
        all(entry[key] == row[key] for key in ("os", "platform", "target"))
        and entry["versions"] == [row["version"]]
        and version == (row["compiler_version"] or "")
        and (row["stack"] in entry["stacks"] if entry["stacks"] else row["stack"] is None)
        and [str(text).replace(":=", "=", 1) for text in entry["variants"]]
        == [text.replace(":=", "=", 1) for text in row["variants"]]
        and entry.get("tarball") == row["tarball"]
        and size == row["size_bytes"]
    )
