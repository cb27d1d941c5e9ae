"""The fault of one spec affects only that spec, in every dialect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.rejects import MAX_REJECTS
from pipeline.sources.site.decode import decode_pages
from tests.conftest import run_command
from tests.writing import make_hash, make_spec, site_page, write_pages, yaml_page

GOOD = [make_hash(1), make_hash(3)]
BAD = make_hash(2)
BAD_TEXT = "text with a control character or a lone surrogate"

# Faults: the replacement of a text that all dialects have, and the reason in the message.
FAULTS = {
    "a control character": ("FAULT", "n=\x01", BAD_TEXT),
    "a NUL": ("FAULT", "n=\x00", BAD_TEXT),
    "a lone surrogate": ("FAULT", r"n=\ud800", BAD_TEXT),
    "the other half": ("FAULT", r"n=\uDFFF", BAD_TEXT),
}
# Faults that only some dialects can express.
YAML_FAULTS = {
    "a merge key": ("{<<: {a: 1}}", "merge keys (<<) are not supported"),
    "a tag": ("!thing x", "tag '!thing' is not supported"),
    "a Python object": ("!!python/name:os.system ''", "is not supported"),
    "a list as a key": ("{[a]: b}", "a list of 1 as a key"),
    "no such alias": ("*nowhere", "undefined alias 'nowhere'"),
    "no number": ("!!int word", "'word': invalid literal"),
    "deep nesting": ("[" * 900 + "]" * 900, "nested deeper than 50"),
    "an unknown escape": (r'"\q"', BAD_TEXT),
    "a key twice": ("{k: 1, k: 2}", "duplicate key 'k'"),
}


def three_specs(**changes: Any) -> list[dict[str, Any]]:
    return [make_spec(1), make_spec(2, **changes), make_spec(3)]


def quoted_yaml(specs: list[dict[str, Any]]) -> str:
    """Return YAML blocks with all texts in double quotes, where escapes are interpreted."""
    values = {"title": "zlib", "categories": ["package", "develop"], "meta": {}}
    return f"---\n{yaml.safe_dump(values | {'spec_details': specs}, default_style=chr(34))}---\n"


DIALECTS = {
    "JSON": lambda specs: site_page(tag="develop", specs=specs, meta={}),
    "JSON after other keys": lambda specs: site_page(tag="develop", specs=specs, meta={}).replace(
        "layout: cache", "layout: other"
    ),
    "YAML in blocks": quoted_yaml,
}


def flatten(tmp_path: Path, text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Flatten one page with the command; return the accepted hashes and the rejects."""
    source = write_pages(tmp_path / "in", {"develop/zlib/specs.md": text})
    result = run_command("flatten", source, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    tables = tmp_path / "out" / "tables"
    hashes = pl.read_parquet(tables / "spec_stacks")["hash"].unique().sort().to_list()
    return hashes, pl.read_parquet(tables / "rejects").to_dicts()


def line_of_second(text: str) -> int:
    """Return the line on which the second entry starts."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines, 1) if line.startswith('- "compiler"')]
    return starts[1] if starts else 6


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_character(tmp_path: Path, dialect: str, fault: str) -> None:
    """Invalid text rejects only its spec, with hash and line."""
    placeholder, bad, reason = FAULTS[fault]
    text = DIALECTS[dialect](three_specs(variants=[placeholder])).replace(placeholder, bad)

    hashes, (reject,) = flatten(tmp_path, text)

    assert hashes == GOOD
    assert (reject["code"], reject["item"], reject["hash"]) == ("bad-yaml", 1, BAD)
    assert reject["line"] == line_of_second(text)
    assert reject["message"] == f"expected YAML, found: {reason}"


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("key", ["size", "note"])
def test_a_key_that_stands_twice(tmp_path: Path, dialect: str, key: str) -> None:
    """A duplicate key in a spec, or below an unknown key of it, rejects only that spec."""
    inner = {"zz": "1", "zzz": "2"}
    changes = {"size": "-", "sizes": 5} if key == "size" else {"note": inner}
    text = DIALECTS[dialect](three_specs(**changes))
    text = text.replace('"sizes"', '"size"').replace('"zzz"', '"zz"')

    hashes, (reject,) = flatten(tmp_path, text)

    assert hashes == GOOD
    assert (reject["code"], reject["item"], reject["hash"]) == ("bad-yaml", 1, BAD)
    twice = "size" if key == "size" else "zz"
    assert reject["message"] == f"expected YAML, found: duplicate key '{twice}'"


@pytest.mark.slow
@pytest.mark.parametrize("is_flow", [False, True], ids=["blocks", "flow"])
@pytest.mark.parametrize("fault", YAML_FAULTS)
def test_what_only_yaml_can_say(tmp_path: Path, fault: str, is_flow: bool) -> None:
    """YAML features that pages must not use reject only that spec, even below an unknown key."""
    written, reason = YAML_FAULTS[fault]
    text = yaml_page(tag="develop", specs=three_specs(note="FAULT"), flow=is_flow)

    hashes, (reject,) = flatten(tmp_path, text.replace("FAULT", written))

    assert hashes == GOOD
    assert (reject["code"], reject["item"], reject["hash"]) == ("bad-yaml", 1, BAD)
    assert reason in reject["message"]


@pytest.mark.parametrize("levels", [900, 970, 990, 1100, 100_000])
def test_deep_json(tmp_path: Path, levels: int) -> None:
    """Nesting too deep for Python is rejected with a message; other specs are accepted."""
    text = site_page(specs=three_specs(note="FAULT"), meta={})

    hashes, rejects = flatten(tmp_path, text.replace('"FAULT"', "[" * levels + "]" * levels))

    assert hashes == [] or set(GOOD) <= set(hashes)
    assert all("nested deeper than 50" in reject["message"] for reject in rejects)


@pytest.mark.parametrize(
    ("key", "written", "found"),
    [
        ("versions", "[1.10]", "the number 1.10"),
        ("versions", "[1:30]", "the number 1:30"),
        ("versions", "[0x1F]", "the number 0x1F"),
        ("versions", "[7]", "the number 7"),
        ("versions", "[2023-10-01]", "the date 2023-10-01"),
        ("stacks", "[e4s, 2024]", "the number 2024"),
        ("os", "no", "the boolean no"),
        ("variants", "[.inf]", "the number .inf"),
    ],
)
def test_an_unquoted_text(tmp_path: Path, key: str, written: str, found: str) -> None:
    """What YAML reads as a number, date or boolean is quoted as written, with the remedy."""
    text = yaml_page(tag="develop", specs=three_specs(**{key: "FAULT"}))

    hashes, (reject,) = flatten(tmp_path, text.replace(f"{key}: FAULT", f"{key}: {written}"))

    assert hashes == GOOD
    assert reject["message"] == f"{key}: expected text, found {found}; put it in quotes"


SCALARS = st.sampled_from(
    ["a", "1", "no", "~", "1.0", "[a]", "{a: b}", '"\\ud800"', "!x y", "\x02"]
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=2), max_size=4))
def test_only_entries_with_a_fault_are_refused(notes: list[dict[str, str]]) -> None:
    """Whatever unknown keys contain, only entries with forbidden YAML are rejected."""
    entries = [
        json.dumps(make_spec(number))[:-1]
        + "".join(f", {key}: {value}" for key, value in note.items())
        + "}"
        for number, note in enumerate(notes)
    ]
    text = site_page(specs=[], meta={}).replace("[]\n---", f"[{', '.join(entries)}]\n---")

    decoded = decode_pages([("page.md", text.encode())])

    bad = [
        item
        for item, note in enumerate(notes)
        if any(mark in value for value in note.values() for mark in ("ud8", "!x", "\x02"))
    ]
    assert [reject.item for reject in decoded.rejects] == bad
    assert decoded.specs["item"].to_list() == [n for n in range(len(notes)) if n not in bad]


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_rejects_of_a_page_are_limited(tmp_path: Path, dialect: str) -> None:
    """The first thousand are listed and the rest counted; the good spec is accepted."""
    text = DIALECTS[dialect]([make_spec(1), *[{"hash": "x"}] * 3000])

    hashes, rejects = flatten(tmp_path, text)

    assert hashes == [make_hash(1)]
    assert [reject["item"] for reject in rejects] == list(range(1, MAX_REJECTS + 2))
    assert rejects[-1]["message"] == (
        "expected specs, found 2000 more to refuse; only the first 1000 are listed"
    )
    (page,) = pl.read_parquet(tmp_path / "out/tables/pages").to_dicts()
    assert (page["entry_count"], page["spec_count"], page["rejected_count"]) == (3001, 1, 3000)
    assert run_command("build", "--out", tmp_path / "out").returncode == 0
