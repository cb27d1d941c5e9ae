"""Which files are sources, whatever their names; unreadable ones are never lost silently."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.sources.discovery import Search
from tests.conftest import Run
from tests.writing import SAMPLE, make_hash, site_page, write_pages

INDEX = "build_cache/index.json"
MANIFEST = "v3/manifests/index/index.manifest.json"
TAG = "2026-11"


def make_index(*numbers: int, version: str = "7") -> str:
    """Return an index of specs of one package."""
    installs = {
        make_hash(number): {
            "in_buildcache": True,
            "spec": {
                "name": "zlib",
                "version": "1.3",
                "arch": {"platform": "linux", "platform_os": "ubuntu22.04", "target": "x86_64"},
                "compiler": {"name": "gcc", "version": "11.4.0"},
                "parameters": {},
                "hash": make_hash(number),
            },
        }
        for number in numbers
    }
    return json.dumps({"database": {"version": version, "installs": installs}})


def read(out: Path, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table in all its partitions."""
    files = sorted((out / "tables" / table).rglob("*.parquet"))
    frames = [pl.read_parquet(file, hive_partitioning=True) for file in files]
    tag = pl.lit(None, pl.String).alias("tag")
    return [
        row
        for frame in frames
        for row in (frame if "tag" in frame.columns else frame.with_columns(tag)).to_dicts()
    ]


def hashes(out: Path) -> list[str]:
    return sorted({row["hash"] for row in read(out, "spec_stacks")})


BROKEN: dict[str, tuple[str | bytes, str, str]] = {
    "cut off": (make_index(2)[:-9], "bad-yaml", "expected JSON"),
    "empty": ("", "bad-yaml", "expected JSON, found an empty file"),
    "HTML": ("<html>404</html>", "bad-yaml", "found HTML or XML, as a server's error page"),
    "binary": (b"\x1f\x8b\x00\xff", "bad-yaml", "found gzip-compressed data"),
    "a version to come": (make_index(2, version="10"), "bad-value", "version 6 to 9, found 10"),
    "an old version": (make_index(2, version="5"), "bad-value", "version 6 to 9, found 5"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_unreadable_index_is_reported_under_a_tag(run: Run, tmp_path: Path, case: str) -> None:
    """The reject has snapshot and stack by path, --strict is 3, others are read."""
    text, code, words = BROKEN[case]
    source = write_pages(
        tmp_path / "in",
        {f"tree/{TAG}/s1/{INDEX}": make_index(1), f"tree/{TAG}/s2/{INDEX}": text},
    )

    result = run("flatten", source, "--tag", TAG, "--strict", "--out", tmp_path / "out")

    assert result.returncode == 3
    assert "s2" in result.stderr
    assert hashes(tmp_path / "out") == [make_hash(1)]
    (reject,) = read(tmp_path / "out", "rejects")
    assert (reject["tag"], reject["stack"], reject["code"]) == (TAG, "s2", code)
    assert words in reject["message"]


@pytest.mark.slow
@pytest.mark.parametrize("case", BROKEN)
def test_a_lone_mirror_that_cannot_be_read_says_why(run: Run, tmp_path: Path, case: str) -> None:
    """If nothing else is accepted, the message has the reason, whatever the tag."""
    text, _, words = BROKEN[case]
    source = write_pages(tmp_path / "in", {INDEX: text})

    for options in ([], ["--tag", TAG], ["--tag", TAG, "--stack", "cluster"]):
        result = run("flatten", source, *options, "--out", tmp_path / "out")

        assert INDEX in result.stderr
        assert words in result.stderr
        assert "without --tag" not in result.stderr


@pytest.mark.parametrize("manifest", ["{}", "", '{"data": []}'])
def test_a_manifest_that_cannot_be_read(run: Run, tmp_path: Path, manifest: str) -> None:
    """The same holds for layout 3."""
    source = write_pages(
        tmp_path / "in",
        {f"tree/{TAG}/s1/{INDEX}": make_index(1), f"tree/{TAG}/s2/{MANIFEST}": manifest},
    )

    result = run("flatten", source, "--tag", TAG, "--strict", "--out", tmp_path / "out")

    assert result.returncode == 3
    (reject,) = read(tmp_path / "out", "rejects")
    assert (reject["tag"], reject["stack"]) == (TAG, "s2")


@pytest.mark.parametrize("tag", ["develop-2025-03-30", "2026-11", "nightly"])
@pytest.mark.parametrize("options", [[], ["--tag"]])
def test_a_page_cut_off_below_a_snapshots_folder(
    run: Run, tmp_path: Path, tag: str, options: list[str]
) -> None:
    """The reject has the snapshot of its folder, by name or by other pages in it."""
    good = site_page("adiak", tag=f'"{tag}"')
    source = write_pages(
        tmp_path / "in",
        {f"_cache/{tag}/adiak/specs.md": good, f"_cache/{tag}/zlib/specs.md": good[:-50]},
    )

    chosen = [*options, tag] if options else []
    result = run("flatten", source, *chosen, "--strict", "--out", tmp_path / "out")

    assert result.returncode == 3
    (reject,) = read(tmp_path / "out", "rejects")
    assert (reject["tag"], reject["code"]) == (tag, "no-front-matter")


def test_an_unreadable_file_is_reported_under_a_tag(run: Run, tmp_path: Path) -> None:
    """A pipe or a dangling link is rejected with the snapshot of its folder."""
    folder = tmp_path / "in" / "_cache" / "v1.0.0"
    write_pages(folder, {"adiak/specs.md": site_page("adiak", "v1.0.0")})
    os.mkfifo(folder / "adiak" / "pipe.md")
    (folder / "adiak" / "nowhere.md").symlink_to("nothing.md")

    result = run(
        "flatten", tmp_path / "in", "--tag", "v1.0.0", "--strict", "--out", tmp_path / "out"
    )

    assert result.returncode == 3
    rejects = read(tmp_path / "out", "rejects")
    assert [(row["tag"], row["code"]) for row in rejects] == [("v1.0.0", "unreadable")] * 2


def test_a_file_address_is_a_path(run: Run, tmp_path: Path) -> None:
    """file:// with escapes names a folder."""
    source = write_pages(tmp_path / "my pages", {"a/zlib/specs.md": site_page()})

    result = run("flatten", f"file://{str(source).replace(' ', '%20')}", "--out", tmp_path / "out")

    assert result.returncode == 0, result.stderr
    assert hashes(tmp_path / "out") == [make_hash(0)]


@pytest.mark.parametrize("url", ["https://binaries.spack.io", "s3://spack-binaries/develop"])
def test_an_address_is_for_fetch(run: Run, tmp_path: Path, url: str) -> None:
    """The message shows the URL as written, with the command to download it."""
    result = run("flatten", url, "--out", tmp_path / "out")

    assert result.returncode == 1
    assert f"'cache-coverage fetch {url} --to CACHE'" in result.stderr


def test_a_readme_is_not_a_page(run: Run, tmp_path: Path) -> None:
    """A README without front matter is skipped; with it, it is a page; other files are rejects."""
    pages: dict[str, str | bytes] = {
        f"develop/s1/{INDEX}": make_index(1),
        "develop/s1/README.md": "# Our mirror\n",
        "README.md": b"\xff",
        "x/adiak/README.md": site_page("adiak"),
        "x/zlib/notes.md": "# Notes\n",
    }
    source = write_pages(tmp_path / "in", pages)

    result = run("flatten", source, "--out", tmp_path / "out")

    assert result.returncode == 0, result.stderr
    assert [row["page"] for row in read(tmp_path / "out", "rejects")] == ["x/zlib/notes.md"]
    assert {row["package"] for row in read(tmp_path / "out", "pages")} == {"adiak", "zlib"}


@pytest.mark.slow
def test_out_is_not_a_source(run: Run, tmp_path: Path) -> None:
    """Outputs in a source, or around it, are not read as pages."""
    source = tmp_path / "in"
    shutil.copytree(SAMPLE, source / "_cache")
    for out in (source / "outputs", source):
        for _ in range(2):
            result = run("flatten", source, "--strict", "--out", out)
            assert result.returncode == 0, result.stderr
            assert run("build", "--out", out).returncode == 0
            assert run("report", "--out", out).returncode == 0
        result = run("flatten", source, "--follow-links", "--strict", "--out", out)
        assert result.returncode == 0, result.stderr
        shutil.rmtree(out / "reports")


def test_a_deep_tree_is_walked(tmp_path: Path) -> None:
    """A thousand nested folders are as easy as ten."""
    folder = tmp_path / "in"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    write_pages(folder, {"a/zlib/specs.md": site_page()})

    groups = list(Search([folder]).groups())

    # Python removes a tree recursively, which would fail in pytest's cleanup.
    subprocess.run(["rm", "-rf", folder], check=True)
    assert [[file.page for file in files] for _, files in groups] == [["a/zlib/specs.md"]]


def test_a_stack_that_was_read_before_is_reported_as_lost(run: Run, tmp_path: Path) -> None:
    """The warning counts its specs until it is readable again."""
    source = write_pages(
        tmp_path / "in",
        {f"tree/{TAG}/s1/{INDEX}": make_index(1), f"tree/{TAG}/s2/{INDEX}": make_index(1, 2, 3)},
    )
    out = tmp_path / "out"
    assert run("flatten", source, "--out", out).returncode == 0
    broken = source / f"tree/{TAG}/s2/{INDEX}"
    broken.write_text("<html>")
    lost = f"tree/{TAG}/s2/{INDEX} (tag {TAG}, stack s2): expected JSON"
    for options in ([], ["--tag", TAG]):
        result = run("flatten", source, *options, "--out", out)

        assert result.returncode == 0
        assert lost in result.stderr
        assert "; 3 specs from its last successful read are lost" in result.stderr

    # Other changes do not make it forgotten.
    (source / f"tree/{TAG}/s1/{INDEX}").write_text(make_index(1, 4))
    assert "3 specs from its last" in run("flatten", source, "--out", out).stderr
    broken.write_text(make_index(2))
    assert "lost" not in run("flatten", source, "--out", out).stderr
    assert read(out, "rejects") == []


def test_a_page_that_was_read_before_is_reported_as_lost(run: Run, tmp_path: Path) -> None:
    """The same for pages."""
    pages = {f"v1.0.0/{name}/specs.md": site_page(name, "v1.0.0") for name in ("adiak", "zlib")}
    source = write_pages(tmp_path / "in", pages)
    run("flatten", source, "--out", tmp_path / "out")
    (source / "v1.0.0/zlib/specs.md").write_text("---\n")

    result = run("flatten", source, "--out", tmp_path / "out")

    assert "v1.0.0/zlib/specs.md (tag v1.0.0): expected a line '---'" in result.stderr
    assert "1 spec from its last successful read are lost" in result.stderr
