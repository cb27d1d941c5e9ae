"""Fast path and slow path: the same rows, whichever reads a page."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.sources.decoded import DECODED_PAGES, DECODED_SPECS, Decoded
from pipeline.sources.rejects import RejectCode
from pipeline.sources.site import decode
from pipeline.sources.site.decode import decode_pages
from tests.writing import SAMPLE, make_spec, site_page

Pages = list[tuple[str, bytes]]


def decode_carefully(pages: Pages) -> Decoded:
    """Decode without the fast path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "decode_cuts", lambda cuts: ([], {}))
        return decode_pages(pages)


def is_fast(pages: Pages) -> bool:
    """Return whether all pages are read on the fast path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "read_page", pytest.fail)
        try:
            decode_pages(pages)
        except pytest.fail.Exception:
            return False
    return True


def assert_same(left: Decoded, right: Decoded) -> None:
    assert_frame_equal(
        left.specs.sort("page_number", "item"), right.specs.sort("page_number", "item")
    )
    assert_frame_equal(left.pages, right.pages)
    assert left.rejects == right.rejects


def as_bytes(*texts: str) -> Pages:
    return [(f"{number}.md", text.encode()) for number, text in enumerate(texts)]


def test_both_paths_agree_on_every_sample_page() -> None:
    """Every sample page takes the fast path, with the rows of the slow path."""
    pages = [(str(path), path.read_bytes()) for path in sorted(SAMPLE.rglob("*.md"))]

    assert is_fast(pages)
    assert_same(decode_pages(pages), decode_carefully(pages))


def test_a_size_in_bytes_takes_the_fast_path() -> None:
    """Sizes may be numbers or `-`, even within a page."""
    pages = as_bytes(site_page(specs=[make_spec(1, size=123), make_spec(2)]))

    assert is_fast(pages)
    assert decode_pages(pages).specs["size_bytes"].to_list() == [123, None]


NOT_PLAIN = {
    "unknown key": {"new": 1},
    "number for a text": {"target": 5},
    "null for a text": {"target": None},
    "null for a list": {"stacks": None},
    "null in a list": {"stacks": ["a", None]},
    "number in a list": {"stacks": ["a", 1]},
    "size null": {"size": None},
    "size a word": {"size": "12"},
    "size negative": {"size": -1},
    "size a fraction": {"size": 1.5},
    "size huge": {"size": 10**30},
    "our own key": {"size number": 5},
    "tarball a number": {"tarball": 5},
}


@pytest.mark.parametrize("change", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_unusual_pages_take_the_slow_path(change: dict[str, Any]) -> None:
    """Anything that could be misread takes the slow path, and only that page does."""
    odd = site_page(specs=[make_spec(1), make_spec(2) | change], meta={})
    pages = as_bytes(site_page(), odd, site_page())

    assert not is_fast(pages[1:2])
    assert_same(decode_pages(pages), decode_carefully(pages))
    assert decode_pages(pages).pages["entry_count"].to_list() == [1, 2, 1]


@pytest.mark.parametrize(
    "details",
    [
        '[]} {"specs":[]',
        '[],"specs":[]',
        '[],"more":[]',
        '[{"size": "-", "size": 5}]',
        "[] trailing]",
        '["\\ud800"]',
        "[NaN]",
        "[" * 500 + "]" * 500,
        "[{]",
    ],
)
def test_details_that_only_look_like_json_do_not_pass(details: str) -> None:
    """Text that is valid only when joined with other pages is rejected alone."""
    odd = site_page(specs=[], meta={}).replace("spec_details: []", f"spec_details: {details}")

    decoded = decode_pages(as_bytes(site_page(), odd, site_page()))

    assert decoded.pages["page"].to_list() == ["0.md", "2.md"] or decoded.pages[
        "entry_count"
    ].to_list() == [1, 1, 1]
    assert [reject.page for reject in decoded.rejects] == ["1.md"]
    assert len(decoded.specs) == 2


def test_a_page_may_have_no_spec() -> None:
    """An empty list of specs is a valid page."""
    decoded = decode_pages(as_bytes(site_page(specs=[])))

    assert decoded.pages["entry_count"].to_list() == [0]
    assert decoded.specs.is_empty()
    assert decoded.specs.schema == DECODED_SPECS


def test_a_page_larger_than_a_block_is_read() -> None:
    """A page of many specs is one block, however long."""
    specs = [make_spec(number) for number in range(30_000)]

    decoded = decode_pages(as_bytes(site_page(specs=specs), site_page()))

    assert decoded.pages["entry_count"].to_list() == [30_000, 1]
    assert decoded.specs["item"].to_list() == [*range(30_000), 0]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=0, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.builds(
    lambda number, changes, dropped: {
        key: value for key, value in (make_spec(number) | changes).items() if key not in dropped
    },
    st.integers(0, 5),
    st.dictionaries(st.sampled_from([*make_spec(), "tarball", "new"]), JSON, max_size=2),
    st.sets(st.sampled_from(list(make_spec())), max_size=1),
)


@pytest.mark.slow
@given(st.lists(st.lists(ENTRIES | JSON, max_size=3), max_size=4))
def test_both_paths_agree_on_any_page(pages_entries: list[list[Any]]) -> None:
    """On any JSON, both accept the same specs, and reject the same with the same messages."""
    pages = as_bytes(*(site_page(specs=entries, meta={}) for entries in pages_entries))

    assert_same(decode_pages(pages), decode_carefully(pages))


def test_the_slow_path_explains_yaml_errors() -> None:
    """A page that is not YAML is rejected with that code."""
    decoded = decode_pages(as_bytes(site_page().replace("}]", "}")))

    assert [reject.code for reject in decoded.rejects] == [RejectCode.BAD_YAML]
    assert decoded.pages.schema == DECODED_PAGES
    assert pl.DataFrame(schema=DECODED_SPECS).equals(decoded.specs)
