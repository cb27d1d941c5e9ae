"""Limits on a page: beyond them, a spec or page is rejected, and everything else is accepted."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.errors import OutputError
from pipeline.sources.rejects import MAX_REJECTS
from pipeline.sources.site import front_matter
from pipeline.sources.site.decode import decode_pages
from pipeline.tables import partitions
from pipeline.tables.refresh import refresh_tables
from tests.conftest import run_command
from tests.writing import make_hash, make_spec, site_page, write_pages


def flatten(source: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Flatten with the command; return the accepted hashes and the rejects."""
    out = source.parent / "out"
    result = run_command("flatten", source, "--out", out)
    assert result.returncode == 0, result.stderr
    hashes = pl.read_parquet(out / "tables/spec_stacks")["hash"].unique().sort().to_list()
    return hashes, pl.read_parquet(out / "tables/rejects").to_dicts()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compiler": "gcc@" + "1" * 5000}, "compiler: expected 'none' or NAME@VERSION, found"),
        ({"versions": ["1" * 251]}, "versions: expected at most 250 bytes, found a list of 1"),
        ({"variants": ["+a", "a=" + "b" * 9999]}, "variants: expected at most 10000 bytes, found"),
        ({"tarball": "x" * 10_001}, "tarball: expected at most 10000 bytes, found 'xxx"),
    ],
)
def test_a_text_has_a_length(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """Only a spec with a text longer than any real one is rejected."""
    specs = [make_spec(1), make_spec(2, **change), make_spec(3, variants=[])]
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": site_page(specs=specs, meta={})})

    hashes, (reject,) = flatten(source)

    assert hashes == [make_hash(1), make_hash(3)]
    assert (reject["code"], reject["item"]) == ("bad-value", 1)
    assert reject["message"].startswith(message)


def test_a_page_names_a_thousand_stacks_at_most(tmp_path: Path) -> None:
    """Beyond that its specs are rejected, in one spec or in many; other pages are kept."""
    stacks = [f"s{number}" for number in range(1001)]
    each = [make_spec(number, stacks=[stack]) for number, stack in enumerate(stacks)]
    pages = {
        "a": site_page("a", specs=[make_spec(1, stacks=stacks)], meta={}),
        "b": site_page("b", specs=each, meta={}),
        "c": site_page("c", specs=[make_spec(2, stacks=stacks[:1000])], meta={}),
    }
    source = write_pages(
        tmp_path / "in", {f"x/{name}/specs.md": text for name, text in pages.items()}
    )

    hashes, rejects = flatten(source)

    assert hashes == [make_hash(2)]
    assert {reject["package"] for reject in rejects} == {"a", "b"}
    assert all(
        "stacks: expected at most 1000 in a page" in reject["message"] for reject in rejects[:-1]
    )


@pytest.mark.slow
def test_refused_values_are_limited_too(tmp_path: Path) -> None:
    """Per page, a thousand specs with bad values are listed and the rest counted."""
    specs = [make_spec(number, os="a b") for number in range(1, 1500)]
    source = write_pages(
        tmp_path / "in",
        {f"x/{name}/specs.md": site_page(name, specs=specs, meta={}) for name in ("a", "b")},
    )

    hashes, rejects = flatten(source)

    assert hashes == []
    assert len(rejects) == 2 * (MAX_REJECTS + 1)
    (last,) = [row for row in rejects if row["package"] == "a" and row["item"] == MAX_REJECTS]
    assert "found 499 more to refuse" in last["message"]
    assert run_command("build", "--out", tmp_path / "out").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("title", ["zlib", '"zlib"'], ids=["YAML", "JSON"])
def test_a_small_page_of_great_cost(tmp_path: Path, title: str) -> None:
    """A page of 5 MB of zeros takes about 200 MB of memory, and the other page is accepted."""
    zeros = site_page("adiak", specs=[], meta={}).replace('"adiak"', title)
    zeros = zeros.replace("spec_details: []", f"spec_details: [{', '.join(['0'] * 1_700_000)}]")
    source = write_pages(
        tmp_path / "in", {"a/zeros/specs.md": zeros, "b/b/specs.md": site_page("b")}
    )
    assert len(zeros) > 5_000_000

    hashes, rejects = flatten(source)

    assert len(hashes) == 1
    assert len(rejects) == MAX_REJECTS + 1
    assert "found 1699000 more to refuse" in rejects[-1]["message"]
    # Nothing else that this process runs takes more.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600 * 1024  # of KiB


@pytest.mark.parametrize("title", ["zlib", '"zlib"'], ids=["YAML", "JSON"])
def test_a_page_too_large_for_memory(monkeypatch: pytest.MonkeyPatch, title: str) -> None:
    """If memory runs out for a page, it is rejected, and tried again by the next run."""

    def run_out(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(front_matter, "check_entries", run_out)
    text = site_page("adiak", specs=[0], meta={}).replace('"adiak"', title)

    decoded = decode_pages([("a.md", text.encode()), ("b.md", site_page("b").encode())])

    assert decoded.pages["page"].to_list() == ["b.md"]
    (reject,) = decoded.rejects
    assert (reject.page, reject.code) == ("a.md", "unreadable")
    assert reject.message == "needs more memory than there is"


def test_a_run_out_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If memory runs out for a run, the message says what to do, and nothing changes."""

    def run_out(*_: Any) -> Any:
        raise MemoryError

    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": site_page()})
    monkeypatch.setattr(partitions, "draft_group", run_out)

    with pytest.raises(OutputError, match="memory ran out; read fewer snapshots"):
        refresh_tables([source], tmp_path / "out")

    assert not list((tmp_path / "out").rglob("*.parquet"))
