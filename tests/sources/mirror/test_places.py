"""What counts as a build cache or an installation, by its path, and which stack it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run_command
from tests.sources.mirror.indexes import (
    SNAPSHOT,
    edge,
    flatten,
    index,
    install,
    node,
    rejects_of,
    rows_of,
    table,
    write_installation,
    write_layout_2,
    write_layout_3,
    write_view,
)
from tests.writing import make_hash, site_page, write_pages


@pytest.mark.parametrize(
    ("write", "folder"),
    [
        (write_layout_2, "build_cache"),
        (write_layout_3, "v3"),
        (write_layout_3, "v3/manifests/index"),
    ],
)
def test_the_folder_of_an_index_is_its_mirror(write: Any, folder: str, tmp_path: Path) -> None:
    """MIRROR/build_cache, MIRROR/v3 and MIRROR/v3/manifests/index mean MIRROR."""
    mirror = tmp_path / "in" / SNAPSHOT / "e4s"
    write(mirror, index(node()))

    flatten(mirror / folder, out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]


@pytest.mark.parametrize("layout", [2, 3])
def test_a_pushed_stack_without_an_index_is_reported(layout: int, tmp_path: Path) -> None:
    """`spack buildcache push` writes no index by default: the stack is a reject."""
    write_layout_3(tmp_path / "in" / SNAPSHOT / "e4s", index(node()))
    hep = tmp_path / "in" / SNAPSHOT / "hep"
    name = f"zlib-1.2-{make_hash(1)}.spec"
    pushed, place = {
        2: (f"build_cache/linux-{name}.json.sig", "build_cache/index.json"),
        3: (
            f"v3/manifests/spec/zlib/{name}.manifest.json",
            "v3/manifests/index/index.manifest.json",
        ),
    }[layout]
    # Its contents are never searched for pages.
    write_pages(hep, {pushed: "{}", "blobs/sha256/00/specs.md": site_page("lost", SNAPSHOT)})

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]
    message = (
        "specs were pushed to this mirror, but it has no index; write one with "
        f"'spack buildcache update-index {hep}'"
    )
    assert rejects_of(tmp_path / "out") == [
        (f"{SNAPSHOT}/hep/{place}", None, None, "unreadable", message)
    ]
    said = flatten(hep, "--tag", "t", out=tmp_path / "other", status=1)
    assert message in said
    assert not (tmp_path / "other" / "tables" / "spec_stacks").exists()
    said = flatten(tmp_path / "in", "--strict", out=tmp_path / "strict", status=3)
    assert "unreadable 1" in said


def test_pages_in_folders_named_as_a_mirrors_are_not_a_mirror(tmp_path: Path) -> None:
    """A folder `build_cache` without a spec's metadata is a package's."""
    pages: dict[str, str | bytes] = {"t/build_cache/specs.md": site_page("build_cache", SNAPSHOT)}

    flatten(write_pages(tmp_path / "in", pages), out=tmp_path / "out")

    assert rejects_of(tmp_path / "out") == []
    assert [package for _, package, _ in rows_of(tmp_path / "out")] == ["build_cache"] * 2


def test_views_are_stacks_where_there_is_no_index(tmp_path: Path) -> None:
    """v3/manifests/index/NAME is read as stack NAME, unless the mirror has an index."""
    mirror = tmp_path / "site"
    write_view(mirror, "cluster", index(node()))
    write_view(mirror, "gpu", index(node(), node("cuda", 2)))

    flatten(mirror, "--tag", "2026-11", out=tmp_path / "out")

    views = [
        ("2026-11", "cuda", "gpu"),
        ("2026-11", "zlib", "cluster"),
        ("2026-11", "zlib", "gpu"),
    ]
    assert rows_of(tmp_path / "out") == views
    write_layout_3(mirror, index(node(), node("cuda", 2), node("hdf5", 3)))
    flatten(mirror, "--tag", "2026-11", out=tmp_path / "out")
    whole = [("2026-11", package, None) for package in ("cuda", "hdf5", "zlib")]
    assert rows_of(tmp_path / "out") == whole


@pytest.mark.parametrize("has_index", [False, True])
@pytest.mark.parametrize("is_file", [False, True])
def test_a_view_is_read_when_named(is_file: bool, has_index: bool, tmp_path: Path) -> None:
    """By its manifest or --stack; the mirror's index and other views are not read."""
    mirror = tmp_path / "site"
    path = write_view(mirror, "cluster", index(node()))
    write_view(mirror, "gpu", index(node("cuda", 2)))
    if has_index:
        write_layout_3(mirror, index(node(), node("hdf5", 3)))
    source: list[str | Path] = [path] if is_file else [mirror, "--stack", "cluster"]

    flatten(*source, "--tag", "2026-11", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [("2026-11", "zlib", "cluster")]


def test_a_view_whose_blob_goes_is_noticed(tmp_path: Path) -> None:
    """Its manifest is unchanged, so its rows would otherwise stay."""
    mirror = tmp_path / "site"
    write_view(mirror, "cluster", index(node()))
    write_view(mirror, "gpu", index(node("cuda", 2)))
    flatten(mirror, "--tag", "t", out=tmp_path / "out")
    assert len(rows_of(tmp_path / "out")) == 2
    first = min(path for path in (mirror / "blobs").rglob("*") if path.is_file())
    first.unlink()

    flatten(mirror, "--tag", "t", out=tmp_path / "out")

    assert len(rows_of(tmp_path / "out")) == 1
    assert [code for *_, code, _ in rejects_of(tmp_path / "out")] == ["unreadable"]


def test_a_view_of_a_stack_in_a_tree(tmp_path: Path) -> None:
    """It is a stack of the tree's snapshot."""
    write_view(tmp_path / "in" / SNAPSHOT / "e4s", "cluster", index(node()))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "cluster")]


@pytest.mark.parametrize("follows", [False, True])
def test_a_link_out_of_the_source_is_read_only_when_asked(follows: bool, tmp_path: Path) -> None:
    """For an index, its folder and its blob; each ignored one is reported."""
    snapshot = tmp_path / "in" / SNAPSHOT
    outside = write_layout_2(tmp_path / "outside", index(node()))
    mirror = write_layout_3(tmp_path / "apart", index(node("hdf5", 2))).parents[3]
    (snapshot / "a" / "build_cache").mkdir(parents=True)
    (snapshot / "a" / "build_cache" / "index.json").symlink_to(outside)
    manifest = write_layout_3(snapshot / "b", index(node("hdf5", 2)))
    (blob,) = (path for path in (snapshot / "b" / "blobs").rglob("*") if path.is_file())
    blob.unlink()
    blob.symlink_to(mirror / "blobs" / "sha256" / blob.name[:2] / blob.name)
    write_layout_2(snapshot / "c", index(node("xz", 3)))
    arguments: list[str | Path] = [tmp_path / "in", *(["--follow-links"] if follows else [])]

    flatten(*arguments, out=tmp_path / "out")

    own = [(SNAPSHOT, "xz", "c")]
    if follows:
        assert rows_of(tmp_path / "out") == sorted(
            [(SNAPSHOT, "zlib", "a"), (SNAPSHOT, "hdf5", "b"), *own]
        )
        assert rejects_of(tmp_path / "out") == []
        return
    assert rows_of(tmp_path / "out") == own
    why = "a link leads out of the source; follow it with --follow-links"
    assert rejects_of(tmp_path / "out") == [
        (
            f"{SNAPSHOT}/a/build_cache/index.json",
            *(None, None, "unreadable", f"index can't be read: {why}"),
        ),
        (
            str(manifest.relative_to(tmp_path / "in")),
            *(None, None, "unreadable"),
            f"its index {blob.relative_to(snapshot / 'b')} can't be read: {why}",
        ),
    ]


def test_links_inside_the_source_are_read(tmp_path: Path) -> None:
    """Mirrors of a tree may share blobs, and a spec's manifest may be a link."""
    snapshot = tmp_path / "in" / SNAPSHOT
    write_layout_3(snapshot / "a", index(node()), sizes={1: 10})
    write_layout_3(snapshot / "b", index(node()), sizes={1: 10})
    for path in list((snapshot / "b").rglob("*")):
        if path.is_file() and "manifests/index" not in str(path):
            target = snapshot / "a" / path.relative_to(snapshot / "b")
            path.unlink()
            path.symlink_to(target)

    flatten(tmp_path / "in", out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select("stack", "size_bytes").rows()
    assert rows == [("a", 10), ("b", 10)]


INSTALLED = [
    install(node("hdf5", 1, dependencies=[edge("zlib", 2), edge("glibc", 3), edge("m4", 4)])),
    install(node("zlib", 2, version="1.3")),
    install(node("glibc", 3, version="2.36", external={"path": "/usr"})),
    install(node("m4", 4, version="1.4"), installed=False),
]


@pytest.mark.parametrize(
    ("arguments", "tag", "stack"),
    [
        ([], "spack", None),
        (["--tag", "derecho"], "derecho", None),
        (["--tag", "derecho", "--stack", "installed"], "derecho", "installed"),
    ],
)
@pytest.mark.parametrize("source", ["spack", "spack/.spack-db", "spack/.spack-db/index.json"])
def test_an_installation_is_a_source(
    source: str, arguments: list[str], tag: str, stack: str | None, tmp_path: Path
) -> None:
    """Installed specs are read; externals and uninstalled ones are not."""
    write_installation(tmp_path / "spack", *INSTALLED)

    flatten(tmp_path / source, *arguments, out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(tag, "hdf5", stack), (tag, "zlib", stack)]
    columns = ("dependency_name", "dependency_version", "is_external", "external_path")
    assert table(tmp_path / "out", "dependencies").select(columns).rows() == [
        ("zlib", "1.3", False, None),
        ("glibc", "2.36", True, "/usr"),
        ("m4", "1.4", False, None),
    ]
    assert rejects_of(tmp_path / "out") == []


def test_an_installation_is_found_in_a_folder_and_not_searched(tmp_path: Path) -> None:
    """Its prefixes have any number of files, some of which look like pages."""
    write_installation(tmp_path / "in" / "opt" / "spack", *INSTALLED)
    prefix = tmp_path / "in" / "opt" / "spack" / "linux-zen4" / "zlib"
    write_pages(prefix, {"doc/README.md": site_page("lost", SNAPSHOT)})

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [("spack", "hdf5", None), ("spack", "zlib", None)]


@pytest.mark.slow
def test_what_of_an_installation_a_cache_has(tmp_path: Path) -> None:
    """One query over both: the recipe of the cookbook."""
    write_installation(tmp_path / "site", *INSTALLED)
    write_layout_2(tmp_path / "cache" / SNAPSHOT / "e4s", index(node("zlib", 2, version="1.3")))
    flatten(tmp_path / "site", tmp_path / "cache", out=tmp_path / "out")
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr
    query = f"""
        select installed.package, installed.version, cached.stacks
        from specs as installed
        left join specs as cached
            on cached.hash = installed.hash
            and cached.tag = '{SNAPSHOT}'
        where installed.tag = 'site'
        order by installed.package
    """

    found = run_command("query", query, "--out", tmp_path / "out", "--format", "json")

    assert json.loads(found.stdout) == [
        {"package": "hdf5", "version": "1.2", "stacks": None},
        {"package": "zlib", "version": "1.3", "stacks": ["e4s"]},
    ]
