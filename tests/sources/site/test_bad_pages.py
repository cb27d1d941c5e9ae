"""Every possible fault of a page, by the command: its code, line, item and message."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.sources import files
from pipeline.sources.files import MAX_PAGE_BYTES
from pipeline.sources.rejects import RejectCode
from pipeline.sources.site.yaml_loader import MAX_DEPTH
from pipeline.tables import partitions
from pipeline.tables.refresh import refresh_tables
from tests.conftest import run_command
from tests.writing import make_hash, make_spec, site_page, write_pages, yaml_page

TAG = "develop-2025-03-30"
HASHES = [make_hash(1), make_hash(3)]
PLAIN = site_page(meta={})
LAUGHS = "\n".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" if n else "l0: &l0 [lol, lol]"
    for n in range(30)
)
HUGE = "9" * 5000


def page_of(*specs: Any) -> str:
    """Return a page that declares nothing, so that only its specs are at fault."""
    return site_page(specs=list(specs), meta={})


def with_key(line: str) -> str:
    """Add a line to a good page."""
    return PLAIN.replace("layout: cache", line)


# Accepted, though the site writes it differently.
ACCEPTED: dict[str, str | bytes] = {
    "byte-order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "byte-order mark and CRLF": b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode(),
    "YAML": yaml_page(),
    "YAML in flow style": yaml_page(flow=True),
    "text below": PLAIN + "\n\n# Title\n---\nmore: [\n",
    "spaces behind the fences": PLAIN.replace("---", "---  "),
    "unknown keys": page_of(make_spec(new={"a": [1]})).replace("layout", "more: {a: b}\nlayout"),
    "deep where it may be": with_key(f"x: {'[' * (MAX_DEPTH - 1)}{']' * (MAX_DEPTH - 1)}"),
    "laughs that nobody asks for": with_key(LAUGHS),
    "a list in itself that nobody asks for": with_key("x: &a [*a]"),
    "no such date, where nobody asks for one": with_key("x: 2025-13-01"),
    "unknown and huge": with_key(f"x: {HUGE}\ny: -0x{'f' * 5000}\nz: {'1:' * 5000}1"),
    "no list of stacks is empty": page_of(make_spec(stacks=[], variants=[])),
}

# Faults of whole pages: code, line, and words of the message.
WHOLE: dict[str, tuple[str | bytes, str, int, str]] = {
    "empty file": (
        "",
        "no-front-matter",
        1,
        "expected '---' on the first line, found an empty file",
    ),
    "a line": ("# Title", "no-front-matter", 1, "found '# Title'"),
    "unclosed": ("---\ntitle: a\n", "no-front-matter", 3, "closes the front matter, found none"),
    "cut off": (PLAIN[:-30], "no-front-matter", 6, "closes the front matter, found none"),
    "old line ends": (PLAIN.replace("\n", "\r"), "no-front-matter", 1, "found '---\\rtitle"),
    "fence behind a blank": ("\n" + PLAIN, "no-front-matter", 1, "found ''"),
    "UTF-16": (PLAIN.encode("utf-16"), "not-utf8", 1, "found byte 0xff at offset 0"),
    "Latin-1": (with_key("x: é").encode("latin-1"), "not-utf8", 3, "found byte 0xe9 at offset"),
    "a lone surrogate": (
        with_key("x: \udc00").encode(errors="surrogatepass"),
        "not-utf8",
        3,
        "0xed",
    ),
    "bad bytes below": (PLAIN.encode() + b"\n\n\xc3\x28", "not-utf8", 9, "0xc3"),
    "tab": (with_key("\tx: 1"), "bad-yaml", 3, "expected YAML, found:"),
    "bracket": (with_key("x: ["), "bad-yaml", 5, "expected YAML, found:"),
    "truncated JSON": (PLAIN[:-10] + "\n---\n", "bad-yaml", 7, "expected YAML, found:"),
    "control character": (with_key("x: é\x07"), "bad-yaml", 3, "text with a control character"),
    "no such alias": (with_key("x: *a"), "bad-yaml", 3, "undefined alias"),
    "key twice": (with_key("title: x"), "bad-yaml", 3, "duplicate key 'title'"),
    "key of meta twice": (
        PLAIN.replace("meta: {}", 'meta: {"oss": [], "oss": []}'),
        "bad-yaml",
        5,
        "duplicate key 'oss'",
    ),
    "merged keys": (with_key("a: &a {b: 1}\nc: {<<: *a}"), "bad-yaml", 4, "merge keys"),
    "a list as key": (with_key("? [a]\n: b"), "bad-yaml", 3, "a list of 1 as a key"),
    "python object": (
        with_key("x: !!python/object/apply:os.system ['touch executed']"),
        "bad-yaml",
        3,
        "tag",
    ),
    "python name": (with_key("x: !!python/name:os.system"), "bad-yaml", 3, "tag"),
    "own tag": (with_key("x: !thing 1"), "bad-yaml", 3, "!thing"),
    "too deep": (with_key("x: " + "[" * 60 + "]" * 60), "bad-yaml", 3, "deeper than 50"),
    "much too deep": (with_key("x: " + "[" * 200_000), "bad-yaml", 3, "deeper than 50"),
    "too deep in JSON": (
        PLAIN.replace("meta: {}", 'meta: {"x": ' + "[" * 5000 + "]" * 5000 + "}"),
        "bad-yaml",
        5,
        "deeper than 50",
    ),
    "a list": ("---\n- a\n---\n", "wrong-type", 1, "expected a mapping as front matter, found a"),
    "a text": ("---\nword\n---\n", "wrong-type", 1, "front matter, found 'word'"),
    "nothing": ("---\n---\n", "missing-key", 1, "expected key 'title', found none"),
    "oldest layout": (
        "---\ntitle: a\ncategories: [package, develop]\nspec_files: []\n---\n",
        "legacy-layout",
        4,
        "expected spec_details, found the oldest layout",
    ),
    "title null": (
        PLAIN.replace('"zlib"', ""),
        "wrong-type",
        2,
        "title: expected text, found null",
    ),
    "title a number": (
        PLAIN.replace('"zlib"', "7"),
        "wrong-type",
        2,
        "found the number 7; put it in quotes",
    ),
    "title a list": (PLAIN.replace('"zlib"', "[a]"), "wrong-type", 2, "found a list of 1"),
    "title bytes": (
        PLAIN.replace('"zlib"', "!!binary eg=="),
        "wrong-type",
        2,
        "found the binary value eg==",
    ),
    "title empty": (PLAIN.replace('"zlib"', '""'), "bad-value", 2, "found ''"),
    "title a path": (PLAIN.replace('"zlib"', "../.."), "bad-value", 2, "found '../..'"),
    "title dots": (PLAIN.replace('"zlib"', '".."'), "bad-value", 2, "found '..'"),
    "title absolute": (PLAIN.replace('"zlib"', "/etc"), "bad-value", 2, "found '/etc'"),
    "title with a NUL": (PLAIN.replace('"zlib"', '"a\\0"'), "bad-value", 2, "found 'a\\x00'"),
    "title of a terminal": (PLAIN.replace('"zlib"', '"\\e[2J"'), "bad-value", 2, "'\\x1b[2J'"),
    "title of other letters": (PLAIN.replace("zlib", "zlïb"), "bad-value", 2, "found 'zlïb'"),
    "title and a line": (PLAIN.replace('"zlib"', '"zlib\\n"'), "bad-value", 2, "'zlib\\n'"),
    "categories null": (
        PLAIN.replace(f"[package, {TAG}]", ""),
        "wrong-type",
        4,
        "expected a list, found null",
    ),
    "categories one": (PLAIN.replace("package, ", ""), "bad-value", 4, "[package, TAG]"),
    "categories three": (PLAIN.replace("package", "a, b"), "bad-value", 4, "found a list of 3"),
    "categories nested": (PLAIN.replace("package", "[a]"), "wrong-type", 4, "found a list of 1"),
    "tag a path": (site_page(tag='"../../up"'), "bad-value", 4, "tag: expected letters"),
    "tag a partition": (site_page(tag='"a/tag=b"'), "bad-value", 4, "tag: expected letters"),
    "tag a date": (
        site_page(tag="2025-03-30"),
        "wrong-type",
        4,
        "categories: tag: expected text, found the date 2025-03-30; put it in quotes",
    ),
    "tag hidden": (site_page(tag="'.hidden'"), "bad-value", 4, "the first a letter or digit"),
    "tag of Hive": (
        site_page(tag="__HIVE_DEFAULT_PARTITION__"),
        "bad-value",
        4,
        "the first a letter or digit",
    ),
    "tag too long": (site_page(tag="a" * 251), "bad-value", 4, "tag: expected letters"),
    "tag too long for a folder": (
        site_page(tag="develop-" + "a" * 243),
        "bad-value",
        4,
        "tag: expected letters",
    ),
    "meta null": (
        PLAIN.replace("meta: {}", "meta:"),
        "wrong-type",
        5,
        "meta: expected a mapping, found null",
    ),
    "meta a list": (
        PLAIN.replace("meta: {}", "meta: []"),
        "wrong-type",
        5,
        "meta: expected a mapping, found a list",
    ),
    "meta huge": (
        site_page(meta={"num_specs": 2**63}),
        "wrong-type",
        5,
        "meta.num_specs: expected a number of at most 9223372036854775807, found the number",
    ),
    "meta endless": (
        PLAIN.replace("meta: {}", f'meta: {{"num_specs": {HUGE}}}'),
        "wrong-type",
        5,
        "found a number of more than 80 digits",
    ),
    "meta NaN": (
        PLAIN.replace("meta: {}", 'meta: {"num_specs": .nan}'),
        "wrong-type",
        5,
        "meta.num_specs: expected a number, found the number .nan",
    ),
    "meta stack counts": (
        site_page(meta={"num_specs_by_stack": {"a": None}}),
        "wrong-type",
        5,
        "meta.num_specs_by_stack: expected a number, found null",
    ),
    "meta list of numbers": (
        site_page(meta={"oss": [1]}),
        "wrong-type",
        5,
        "meta.oss: expected text, found the number 1; put it in quotes",
    ),
    "details null": (
        page_of().replace("spec_details: []", "spec_details:"),
        "wrong-type",
        6,
        "spec_details: expected a list, found null",
    ),
    "details a text": (
        page_of().replace("spec_details: []", "spec_details: all"),
        "wrong-type",
        6,
        "spec_details: expected a list, found 'all'",
    ),
}
for _key in ("title", "categories", "meta", "spec_details"):
    WHOLE[f"no {_key}"] = (
        "\n".join(line for line in PLAIN.split("\n") if not line.startswith(f"{_key}:")),
        "missing-key",
        1,
        f"expected key '{_key}', found none",
    )

# Faults of one spec: what differs from a good one, code, and words of the message.
SPEC: dict[str, tuple[Any, str, str]] = {
    "null": (None, "wrong-type", "expected a mapping, found null"),
    "a list": ([], "wrong-type", "expected a mapping, found a list of 0"),
    "a text": ("gcc", "wrong-type", "expected a mapping, found 'gcc'"),
    "size null": (
        {"size": None},
        "wrong-type",
        "size: expected '-' or a number of bytes, found null",
    ),
    "size true": ({"size": True}, "wrong-type", "found the boolean true"),
    "size a fraction": ({"size": 1.0}, "wrong-type", "found the number 1.0"),
    "size a word": ({"size": "many"}, "wrong-type", "size: expected '-' or a number of bytes"),
    "size digits in text": ({"size": "12"}, "wrong-type", "found '12'"),
    "size NaN": ({"size": float("nan")}, "wrong-type", "found 'NaN'"),
    "size negative": ({"size": -1}, "bad-value", "expected no negative number, found -1"),
    "size huge": ({"size": 2**63}, "bad-value", f"found the number {2**63}"),
    "size most negative": ({"size": -(2**63)}, "bad-value", "no negative number"),
    "size 10 to the 200": ({"size": 10**200}, "bad-value", "a number of more than 80 digits"),
    "hash short": ({"hash": "a" * 31}, "bad-value", "hash: expected 32 of a-z and 2-7"),
    "hash with 1": ({"hash": "1" * 32}, "bad-value", "hash: expected 32 of a-z and 2-7"),
    "hash and a line": ({"hash": "a" * 32 + "\n"}, "bad-value", "hash: expected 32"),
    "no version": ({"versions": []}, "bad-value", "expected just one, found a list of 0"),
    "two versions": ({"versions": ["1", "2"]}, "bad-value", "found a list of 2"),
    "version a text": ({"versions": "1.2"}, "wrong-type", "versions: expected a list, found '1.2'"),
    "compiler bare": ({"compiler": "gcc"}, "bad-value", "'none' or NAME@VERSION, found 'gcc'"),
    "compiler empty": ({"compiler": ""}, "bad-value", "NAME@VERSION, found ''"),
    "compiler of spaces": ({"compiler": "gcc @1"}, "bad-value", "NAME@VERSION"),
    "compiler a path": ({"compiler": "../x@1"}, "bad-value", "NAME@VERSION, found '../x@1'"),
    "variants a mapping": (
        {"variants": {}},
        "wrong-type",
        "variants: expected a list, found a mapping",
    ),
    "stacks a text": ({"stacks": "e4s"}, "wrong-type", "stacks: expected a list, found 'e4s'"),
    "a stack null": ({"stacks": [None]}, "wrong-type", "stacks: expected text, found null"),
    "a stack of SQL": ({"stacks": ["a'; drop table pages"]}, "bad-value", "stacks: expected"),
    "tarball a number": (
        {"tarball": 1},
        "wrong-type",
        "tarball: expected text, found the number 1; put it in quotes",
    ),
    "hash again": ({"hash": make_hash(1)}, "duplicate-spec", "expected once in a page, found"),
}
for _key in make_spec():
    SPEC[f"no {_key}"] = (
        {_key: ...},
        "missing-key",
        f"expected key '{_key}', found none",
    )
for _key in ("hash", "compiler", "os", "platform", "target"):
    SPEC[f"{_key} a number"] = (
        {_key: 5},
        "wrong-type",
        f"{_key}: expected text, found the number 5",
    )
    SPEC[f"{_key} null"] = ({_key: None}, "wrong-type", f"{_key}: expected text, found null")
for _key in ("os", "platform", "target"):
    for _name in ("", "..", "../..", "a/b", "a b", "<b>", "-rf", "\x1b[0m", "a\u202eb", "'", "é"):
        SPEC[f"{_key} {_name!r}"] = ({_key: _name}, "bad-value", f"{_key}: expected letters")


def spec_page(case: str) -> str:
    """Return the page of a case: the bad spec between two good ones."""
    change = SPEC[case][0]
    bad: Any = change
    if isinstance(change, dict):
        bad = {k: v for k, v in (make_spec(2) | change).items() if v is not ...}
    return page_of(make_spec(1), bad, make_spec(3))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Return the tables of one run of the command on every case."""
    folder = tmp_path_factory.mktemp("bad")
    cases: dict[str, str | bytes] = {
        **{f"accepted/{number}.md": text for number, text in enumerate(ACCEPTED.values())},
        **{f"whole/{number}.md": text for number, (text, *_) in enumerate(WHOLE.values())},
        **{f"spec/{number}.md": spec_page(case) for number, case in enumerate(SPEC)},
    }
    sources = []
    for name, text in cases.items():
        # Each with its own snapshot and source, so that none is a duplicate of another.
        data = text.encode() if isinstance(text, str) else text
        tag = "develop-" + name.removesuffix(".md").replace("/", "-")
        folder_name = name.removesuffix(".md")
        sources.append(
            write_pages(
                folder / "in", {f"{folder_name}/page.md": data.replace(TAG.encode(), tag.encode())}
            )
        )

    result = run_command("flatten", folder / "in", "--out", folder / "out", cwd=folder)

    assert result.returncode == 0, result.stderr
    assert not (folder / "executed").exists()
    return {
        name: pl.read_parquet(folder / "out" / "tables" / name)
        for name in ("spec_stacks", "pages", "rejects")
    }


def rejects_of(tables: dict[str, pl.DataFrame], page: str) -> list[dict[str, Any]]:
    return tables["rejects"].filter(pl.col("page") == page).to_dicts()


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_accepted(tables: dict[str, pl.DataFrame], case: str) -> None:
    """The page has its one spec, and nothing is rejected."""
    page = f"accepted/{list(ACCEPTED).index(case)}/page.md"

    assert rejects_of(tables, page) == []
    (row,) = tables["pages"].filter(pl.col("page") == page).to_dicts()
    assert (row["spec_count"], row["rejected_count"]) == (1, 0)


@pytest.mark.parametrize("case", WHOLE)
def test_what_refuses_a_page(tables: dict[str, pl.DataFrame], case: str) -> None:
    """The page has one reject with code, line and message, and no other rows."""
    page = f"whole/{list(WHOLE).index(case)}/page.md"
    _, code, line, words = WHOLE[case]

    (reject,) = rejects_of(tables, page)

    assert (reject["code"], reject["line"], reject["item"]) == (code, line, None)
    assert words in reject["message"]
    assert "expected" in reject["message"].lower()
    assert tables["pages"].filter(pl.col("page") == page).is_empty()
    assert tables["spec_stacks"].filter(pl.col("page") == page).is_empty()


@pytest.mark.parametrize("case", SPEC)
def test_what_refuses_a_spec(tables: dict[str, pl.DataFrame], case: str) -> None:
    """Only the spec is rejected, with item and line; the two good ones are kept."""
    page = f"spec/{list(SPEC).index(case)}/page.md"
    _, code, words = SPEC[case]

    (reject,) = rejects_of(tables, page)

    assert (reject["code"], reject["line"], reject["item"]) == (code, 6, 1)
    assert words in reject["message"]
    assert "expected" in reject["message"].lower()
    kept = tables["spec_stacks"].filter(pl.col("page") == page)
    assert kept["hash"].unique().sort().to_list() == HASHES
    (row,) = tables["pages"].filter(pl.col("page") == page).to_dicts()
    assert (row["entry_count"], row["spec_count"], row["rejected_count"]) == (3, 2, 1)


def test_every_code_has_a_case() -> None:
    """Each code has a case, except two that need more than a page, and those of indexes."""
    codes = {code for _, code, *_ in [*WHOLE.values(), *SPEC.values()]}

    assert codes == set(RejectCode) - {"bad-checksum", "duplicate-page", "unreadable"}


def flatten(source: Path, *options: str) -> tuple[list[dict[str, Any]], list[str], str]:
    """Run the command; return the rejects, the accepted pages, and what it said."""
    out = source.parent / "out"
    result = run_command("flatten", source, "--out", out, *options)
    assert result.returncode == 0, result.stderr
    rejects = pl.read_parquet(out / "tables" / "rejects").sort("page").to_dicts()
    taken = pl.read_parquet(out / "tables" / "pages")["page"].sort().to_list()
    return rejects, taken, result.stderr


def test_of_two_pages_the_first_by_path_is_kept(tmp_path: Path) -> None:
    """The second page of a tag and package is a duplicate-page, in any folder."""
    source = write_pages(tmp_path / "in", {"b/zlib/specs.md": PLAIN, "a/zlib/specs.md": PLAIN})

    rejects, taken, _ = flatten(source)

    assert taken == ["a/zlib/specs.md"]
    assert [(reject["page"], reject["code"]) for reject in rejects] == [
        ("b/zlib/specs.md", "duplicate-page")
    ]
    assert rejects[0]["message"] == (
        f"expected one page for zlib in {TAG}, found a/zlib/specs.md before it"
    )


@pytest.mark.slow
def test_a_page_of_200_megabytes_is_not_read(tmp_path: Path) -> None:
    """It is rejected by its size: at once, without reading it into memory."""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": PLAIN, "b/big/specs.md": PLAIN})
    os.truncate(source / "b/big/specs.md", 200_000_000)

    rejects, taken, _ = flatten(source)

    assert taken == ["a/zlib/specs.md"]
    (reject,) = rejects
    assert (reject["page"], reject["code"]) == ("b/big/specs.md", "bad-value")
    assert reject["message"] == f"expected at most {MAX_PAGE_BYTES} bytes, found 200000000"


@pytest.mark.slow
def test_a_page_of_100_000_specs(tmp_path: Path) -> None:
    """All of them are read, and the faulty ones are rejected."""
    specs = [make_spec(number, stacks=["root"]) for number in range(100_000)]
    specs[70_000]["os"] = ""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": page_of(*specs)})

    rejects, _, _ = flatten(source)

    assert [(reject["item"], reject["code"]) for reject in rejects] == [(70_000, "bad-value")]
    stored = pl.read_parquet(tmp_path / "out/tables/spec_stacks")
    assert stored["hash"].n_unique() == 99_999


LAUGHING = {
    "in stacks": with_key(LAUGHS).replace('"stacks": ["e4s", "root"]', '"stacks": *l29'),
    "as versions": with_key(LAUGHS).replace('"versions": ["1.2"]', '"versions": *l29'),
    "as a spec": with_key(LAUGHS).replace("spec_details: [", "spec_details: [*l29, "),
    "as title": with_key(LAUGHS)
    .replace('title: "zlib"\n', "")
    .replace("meta:", "title: *l29\nmeta:"),
    "as meta": with_key(LAUGHS).replace("meta: {}", "meta: *l29"),
    "as oss": with_key(LAUGHS).replace("meta: {}", "meta: {oss: *l29}"),
    "in themselves": PLAIN.replace('["e4s", "root"]', "&a [*a]"),
    "as size": with_key(LAUGHS).replace('"size": "-"', '"size": *l29'),
    "as hash": with_key(LAUGHS).replace(f'"{make_hash(0)}"', "*l29"),
    "as a key": with_key(LAUGHS + "\n? *l29\n: x"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", LAUGHING)
def test_a_billion_laughs_is_refused_cheaply(tmp_path: Path, case: str) -> None:
    """Aliases of aliases are never expanded: rejected within 600 MB of address space."""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": LAUGHING[case]})
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    rejects, _, _ = flatten(source)

    assert rejects[0]["code"] in ("wrong-type", "bad-yaml")
    assert all(len(reject["message"]) < 400 for reject in rejects)
    grown = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before
    assert grown < 300 * 1024  # of KiB


@pytest.mark.slow
def test_links(tmp_path: Path) -> None:
    """Links within a source count once; loops end; links out are followed only on request."""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": PLAIN})
    outside = write_pages(
        tmp_path / "outside",
        {"adiak/specs.md": site_page("adiak"), "x.md": site_page("x"), "sub/y.md": site_page("y")},
    )
    (source / "a" / "loop").symlink_to(source)
    (source / "a" / "self.md").symlink_to("self.md")
    (source / "a" / "dangling.md").symlink_to("nothing.md")
    (source / "out").symlink_to(outside)
    (source / "x.md").symlink_to(outside / "x.md")
    (outside / "back").symlink_to(source)

    rejects, taken, _ = flatten(source)
    followed_rejects, followed, _ = flatten(source, "--follow-links")
    _, again, _ = flatten(source)

    assert taken == again == ["a/zlib/specs.md"]
    unread = [("a/dangling.md", "unreadable", 1), ("a/self.md", "unreadable", 1)]
    for found in (rejects, followed_rejects):
        assert [(row["page"], row["code"], row["line"]) for row in found] == unread
    assert followed == ["a/zlib/specs.md", "out/adiak/specs.md", "out/sub/y.md", "x.md"]


def test_only_regular_files_are_pages(tmp_path: Path) -> None:
    """A pipe named like a page is rejected and does not block; a folder so named is a folder."""
    source = write_pages(
        tmp_path / "in", {"a/zlib/specs.md": PLAIN, "b/adiak.md/specs.md": site_page("adiak")}
    )
    os.mkfifo(source / "a" / "pipe.md")

    rejects, taken, _ = flatten(source)

    assert taken == ["a/zlib/specs.md", "b/adiak.md/specs.md"]
    assert [(row["page"], row["code"], row["message"]) for row in rejects] == [
        ("a/pipe.md", "unreadable", "page can't be read: not a regular file")
    ]


def read_with_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Path], None]
) -> list[tuple[str, str, str]]:
    """Flatten two pages while `fault` happens to the second; return the rejects."""
    source = write_pages(
        tmp_path / "in", {"a/adiak/specs.md": site_page("adiak"), "a/zlib/specs.md": PLAIN}
    )
    read_bytes = files.read_bytes

    def read(file: files.PageFile) -> bytes:
        if file.page == "a/zlib/specs.md":
            fault(Path(os.fsdecode(file.path)))
        return read_bytes(file)

    monkeypatch.setattr(partitions, "read_bytes", read)
    outcome = refresh_tables([source], tmp_path / "out")
    assert outcome.page_count == 1
    rejects = pl.read_parquet(tmp_path / "out/tables/rejects")
    return rejects.select("page", "code", "message").rows()


def grow(path: Path) -> None:
    path.write_text(PLAIN * 2)


def shrink(path: Path) -> None:
    os.truncate(path, 20)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SETTLED = "changed while it was read; flatten again when it is settled"
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "vanishes": (Path.unlink, "can't be read: No such file or directory"),
    "grows": (grow, SETTLED),
    "shrinks": (shrink, SETTLED),
    "becomes a folder": (become_a_folder, "can't be read: Is a directory"),
    "becomes a pipe": (become_a_pipe, SETTLED),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """It is rejected as unreadable, others are read, and the next run reads it again."""
    fault, message = FAULTS[case]

    assert read_with_fault(tmp_path, monkeypatch, fault) == [
        ("a/zlib/specs.md", "unreadable", message)
    ]

    monkeypatch.undo()
    path = tmp_path / "in/a/zlib/specs.md"
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_text(PLAIN)
    assert refresh_tables([tmp_path / "in"], tmp_path / "out").page_count == 2


@pytest.mark.parametrize("what", ["page", "folder"])
def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Unreadable pages or folders are rejects with the system's message; others are read."""
    source = write_pages(
        tmp_path / "in", {"a/adiak/specs.md": site_page("adiak"), "b/zlib/specs.md": PLAIN}
    )
    function = {"page": "open", "folder": "scandir"}[what]
    real = getattr(os, function)

    # Tests may run as root, which can read anything.
    def refuse(path: Any, *arguments: Any, **options: Any) -> Any:
        if str(source / "b") in str(path):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, function, refuse)
    outcome = refresh_tables([source], tmp_path / "out")

    assert outcome.page_count == 1
    (reject,) = pl.read_parquet(tmp_path / "out/tables/rejects").to_dicts()
    assert reject["page"] == {"page": "b/zlib/specs.md", "folder": "b"}[what]
    assert reject["code"] == "unreadable"
    assert "can't be read: Permission denied" in reject["message"]


@pytest.mark.parametrize(
    "text",
    [
        with_key("x: " + "1:" * 100_000 + "1"),
        with_key("x: 0x" + "f" * 200_000),
        with_key("x: " + "9" * 200_000),
        with_key("x: " + "a " * 100_000),
        with_key("x: {" + ", ".join(f"k{n}: {n}" for n in range(20_000)) + "}"),
        with_key("\n".join(f"k{n}: &a{n} [*a{n - 1}]" if n else "k: &a0 []" for n in range(40))),
        with_key("x: '" + "\\" * 200_000 + "'"),
        page_of(*[{"size": n} for n in range(10_000)]),
    ],
    ids=["sexagesimal", "hex", "digits", "words", "keys", "anchors", "escapes", "bad specs"],
)
def test_no_page_takes_long(tmp_path: Path, text: str) -> None:
    """Nothing takes quadratic time: at most a second per 100 kB."""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": text})

    started = time.process_time()
    refresh_tables([source], tmp_path / "out")

    # CPU time, with a margin of ten, so that load does not fail the test.
    assert time.process_time() - started < 1 + len(text) / 100_000


def test_rejects_say_what_was_found_in_one_line(tables: dict[str, pl.DataFrame]) -> None:
    """Messages are one short line and can't control a terminal."""
    for message in tables["rejects"]["message"]:
        assert message.isprintable()
        assert len(message) < 400
    assert json.loads(tables["rejects"].write_json())
