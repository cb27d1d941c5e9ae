"""The slow path: what it accepts, and what it rejects with which code, line and message."""

from __future__ import annotations

import pytest

from pipeline.sources.rejects import PageError, Reject, RejectCode
from pipeline.sources.site import front_matter
from pipeline.sources.site.front_matter import ReadPage, cut_page, read_page
from tests.writing import SAMPLE, make_spec, site_page, yaml_page

SAMPLE_PAGES = sorted(SAMPLE.rglob("*.md"))


def read(text: str | bytes) -> ReadPage:
    return read_page("page.md", text if isinstance(text, bytes) else text.encode())


def refusal(text: str | bytes) -> PageError:
    with pytest.raises(PageError) as caught:
        read(text)
    return caught.value


def test_the_sample_is_shipped() -> None:
    """The sample has pages of the three weekly snapshots."""
    tags = {path.parent.parent.name for path in SAMPLE_PAGES}
    assert tags == {f"develop-2025-03-{day}" for day in (16, 23, 30)}


@pytest.mark.parametrize("path", SAMPLE_PAGES, ids=lambda path: str(path.relative_to(SAMPLE)))
def test_every_sample_page_is_cut_as_the_site_wrote_it(path: object) -> None:
    """No page of the sample needs the slow path."""
    assert cut_page(path.read_bytes()) is not None  # type: ignore[attr-defined]


def test_yaml_in_block_or_flow_style_says_the_same_as_the_site() -> None:
    """Any equivalent YAML is the same page."""
    specs = [make_spec(1), make_spec(2, stacks=[], size=1234)]
    expected = [entry for _, _, entry in read(site_page(specs=specs)).entries]

    block = read(yaml_page(specs=specs))
    flow = read(yaml_page(specs=specs, flow=True))

    assert [entry for _, _, entry in block.entries] == expected
    assert [entry for _, _, entry in flow.entries] == expected
    assert block.head.meta == flow.head.meta == read(site_page(specs=specs)).head.meta


def test_an_entry_knows_its_line() -> None:
    """In YAML blocks, each entry has the line on which it starts, from 1."""
    text = yaml_page(specs=[make_spec(1), make_spec(2)])
    starts = [n for n, line in enumerate(text.split("\n"), 1) if line.startswith("- compiler")]

    assert [line for _, line, _ in read(text).entries] == starts


@pytest.mark.parametrize("change", ["bom", "crlf", "both"])
def test_byte_order_mark_and_crlf_are_taken(change: str) -> None:
    """A byte-order mark and Windows line ends make no difference."""
    data = site_page().encode()
    if change != "bom":
        data = data.replace(b"\n", b"\r\n")
    if change != "crlf":
        data = b"\xef\xbb\xbf" + data

    assert read(data).entries == read(site_page()).entries


def test_aliases_are_followed() -> None:
    """A list that YAML shares between specs is a list of each."""
    stacks = ["e4s", "root"]
    text = yaml_page(specs=[make_spec(1, stacks=stacks), make_spec(2, stacks=stacks)])
    assert "*id001" in text

    assert [entry.stacks for _, _, entry in read(text).entries] == [stacks, stacks]


WHOLE_PAGES: dict[str, tuple[str | bytes, RejectCode, int, str]] = {
    "empty": ("", RejectCode.NO_FRONT_MATTER, 1, "on the first line"),
    "no fence": ("title: x\n", RejectCode.NO_FRONT_MATTER, 1, "on the first line"),
    "unclosed fence": ("---\ntitle: x\n", RejectCode.NO_FRONT_MATTER, 3, "that closes"),
    "not utf-8": (b"---\ntitle: \xff\n---\n", RejectCode.NOT_UTF8, 2, "0xff"),
    "not utf-8 in the text below": (
        site_page().encode() + b"\n\xff",
        RejectCode.NOT_UTF8,
        8,
        "0xff",
    ),
    "tab": ("---\ntitle: x\n\tmeta: y\n---\n", RejectCode.BAD_YAML, 3, "expected YAML"),
    "truncated": (site_page().replace("}]\n---", "\n---"), RejectCode.BAD_YAML, 7, "expected YAML"),
    "key twice": (
        site_page().replace("layout: cache", 'title: "zlib"'),
        RejectCode.BAD_YAML,
        3,
        "duplicate key",
    ),
    "python tag": (
        "---\ntitle: !!python/object/apply:os.getcwd []\n---\n",
        RejectCode.BAD_YAML,
        2,
        "tag",
    ),
    "no such date": ("---\ntitle: 2025-02-31\n---\n", RejectCode.WRONG_TYPE, 2, "date 2025-02-31"),
    "no mapping": ("---\n- a\n---\n", RejectCode.WRONG_TYPE, 1, "a list of 1"),
    "nothing": ("---\n---\n", RejectCode.MISSING_KEY, 1, "'title'"),
    "oldest layout": (
        "---\ntitle: x\ncategories: [package, develop]\nspec_files: []\n---\n",
        RejectCode.LEGACY_LAYOUT,
        4,
        "spec_files",
    ),
    "no title": (site_page().replace('title: "zlib"\n', ""), RejectCode.MISSING_KEY, 1, "'title'"),
    "no meta": (
        "---\ntitle: x\ncategories: [package, develop]\nspec_details: []\n---\n",
        RejectCode.MISSING_KEY,
        1,
        "'meta'",
    ),
    "title a number": (
        site_page().replace('"zlib"', "7"),
        RejectCode.WRONG_TYPE,
        2,
        "found the number 7",
    ),
    "title a path": (site_page("../../etc"), RejectCode.BAD_VALUE, 2, "'../../etc'"),
    "title too long": (site_page("a" * 251), RejectCode.BAD_VALUE, 2, "'aaa"),
    "tag a path": (site_page(tag="'../up'"), RejectCode.BAD_VALUE, 4, "'../up'"),
    "tag a date": (
        site_page(tag="2025-03-30"),
        RejectCode.WRONG_TYPE,
        4,
        "found the date 2025-03-30",
    ),
    "no tag": (site_page().replace("[package, ", "["), RejectCode.BAD_VALUE, 4, "a list of 1"),
    "meta a list": (site_page(meta=[]), RejectCode.WRONG_TYPE, 5, "expected a mapping"),
    "meta count a text": (
        site_page(meta={"num_specs": "1"}),
        RejectCode.WRONG_TYPE,
        5,
        "meta.num_specs: expected a number, found '1'",
    ),
    "details a mapping": (
        site_page().replace("spec_details: [", "spec_details: {a: [").replace("]\n---", "]}\n---"),
        RejectCode.WRONG_TYPE,
        6,
        "expected a list, found a mapping",
    ),
}


@pytest.mark.parametrize("case", WHOLE_PAGES)
def test_a_faulty_page_is_rejected_as_a_whole(case: str) -> None:
    """Each fault of a whole page has its code, line and message."""
    text, code, line, words = WHOLE_PAGES[case]

    error = refusal(text)

    assert (error.code, error.line) == (code, line)
    assert words in error.message


SPECS = {
    "no mapping": (3, RejectCode.WRONG_TYPE, "expected a mapping, found the number 3"),
    "null": (None, RejectCode.WRONG_TYPE, "expected a mapping, found null"),
    "no hash": (
        {k: v for k, v in make_spec().items() if k != "hash"},
        RejectCode.MISSING_KEY,
        "expected key 'hash', found none",
    ),
    "target a number": (
        make_spec(target=5),
        RejectCode.WRONG_TYPE,
        "target: expected text, found the number 5; put it in quotes",
    ),
    "stacks null": (
        make_spec(stacks=None),
        RejectCode.WRONG_TYPE,
        "stacks: expected a list, found null",
    ),
    "variant a list": (
        make_spec(variants=[["x"]]),
        RejectCode.WRONG_TYPE,
        "variants: expected text, found a list of 1",
    ),
    "size a fraction": (
        make_spec(size=1.5),
        RejectCode.WRONG_TYPE,
        "size: expected '-' or a number of bytes, found the number 1.5",
    ),
    "size a word": (
        make_spec(size="big"),
        RejectCode.WRONG_TYPE,
        "size: expected '-' or a number of bytes, found 'big'",
    ),
    "size huge": (
        make_spec(size=2**63),
        RejectCode.BAD_VALUE,
        f"size: expected a number of bytes, found the number {2**63}",
    ),
}


@pytest.mark.parametrize("case", SPECS)
def test_a_bad_spec_is_rejected_alone(case: str) -> None:
    """A spec with wrong keys or types is a reject, and the page's other specs are kept."""
    values, code, message = SPECS[case]
    specs = [make_spec(1), values, make_spec(2)]

    page = read(site_page(specs=specs, meta={}))

    spec_hash = values["hash"] if isinstance(values, dict) and "hash" in values else None
    assert page.rejects == [
        Reject("page.md", 6, code, message, "develop-2025-03-30", "zlib", 1, spec_hash)
    ]
    assert [item for item, _, _ in page.entries] == [0, 2]


def test_unknown_keys_are_ignored() -> None:
    """Unknown keys change nothing, at the top or in a spec."""
    text = site_page(specs=[make_spec(new={"deep": [1]})]).replace("layout:", "more: 1\nlayout:")

    assert read(text).entries[0][2] == read(site_page()).entries[0][2]


def test_a_billion_laughs_is_refused_cheaply() -> None:
    """Aliases of aliases stay shared: the page is rejected or accepted at once."""
    laughs = "\n".join(
        f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" if n else "l0: &l0 [lol]"
        for n in range(30)
    )
    text = site_page(meta={}).replace("layout: cache", f"layout: cache\n{laughs}")
    assert len(read(text).entries) == 1

    stacked = text.replace('"stacks": ["e4s", "root"]', '"stacks": *l29')
    assert [reject.code for reject in read(stacked).rejects] == [RejectCode.WRONG_TYPE]


def test_shared_lists_cannot_outgrow_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many specs that share one long list are rejected beyond a total number of values."""
    monkeypatch.setattr(front_matter, "MAX_PAGE_VALUES", 9)

    error = refusal(
        site_page(specs=[make_spec(1), make_spec(2)]).replace("layout", "more: 1\nlayout")
    )

    assert error.code == RejectCode.BAD_VALUE
    assert "at most 9" in error.message


def test_merge_keys_are_refused() -> None:
    """Nested merges grow without limit, and no page writer makes them."""
    text = site_page().replace("layout: cache", "a: &a {b: 1}\nc: {<<: *a}")

    assert "merge keys" in refusal(text).message


def test_endless_nesting_is_refused() -> None:
    """A hundred thousand brackets lead to a message, not a crash."""
    text = site_page().replace("layout: cache", f"layout: {'[' * 100_000}")

    assert refusal(text).code == RejectCode.BAD_YAML
