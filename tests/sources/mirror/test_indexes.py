"""Build caches as sources: every layout, version and path yields the rows of pages.

The tree in tests/mirror was written by Spack 0.22, cut down to two packages; the pages in
tests/mirror-pages are what the cache's site makes of it. Other layouts and versions are made here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.sources.decoded import INDEX_COLUMNS
from pipeline.sources.mirror.layout import RESERVED_NAMES
from tests.conftest import run_command
from tests.sources.mirror.indexes import (
    SNAPSHOT,
    edge,
    flatten,
    index,
    node,
    rows_of,
    table,
    write_layout_2,
    write_layout_3,
)
from tests.writing import make_hash, make_spec, site_page, write_pages, yaml_page

TESTS = Path(__file__).parents[2]
SHARED = TESTS.parent.parent / "shared"

MIRRORS = {
    "tests": (TESTS / "mirror", TESTS / "mirror-pages"),
    "shared": (SHARED / "mirror", SHARED / "mirror-pages"),
}


@pytest.mark.parametrize("name", MIRRORS)
@pytest.mark.slow
def test_a_mirror_gives_the_rows_of_its_pages(name: str, tmp_path: Path) -> None:
    """Real indexes and their pages agree except in tarball, page and order of variants."""
    mirror, pages = MIRRORS[name]
    if not mirror.exists():
        pytest.skip(f"{mirror} is not there; the smaller tree in tests/ is")
    flatten(mirror, out=tmp_path / "mirror")
    flatten(pages, out=tmp_path / "pages")

    found = [
        table(tmp_path / source, "spec_stacks")
        .drop("tarball", "page", *INDEX_COLUMNS)
        .with_columns(pl.col("variants").list.sort())
        for source in ("mirror", "pages")
    ]

    assert len(found[0]) > 0
    assert found[0].equals(found[1])
    for source in ("mirror", "pages"):
        built = run_command("build", "--out", tmp_path / source)
        assert built.returncode == 0, built.stderr


def test_the_rows_of_a_real_index(tmp_path: Path) -> None:
    """Of the small tree: a target with features, list and patch variants, stacks and root."""
    flatten(TESTS / "mirror", out=tmp_path)

    rows = table(tmp_path, "spec_stacks").filter(package="argobots", target="neoverse_v2")
    assert rows["stack"].to_list() == ["e4s-neoverse-v2", "root"]
    assert rows.row(0, named=True) == {
        "tag": "develop-2024-10-20",
        "package": "argobots",
        "hash": "ocqhxy4pr5l3poz6wry4m3aq3iaslsbm",
        "stack": "e4s-neoverse-v2",
        "version": "1.2",
        "compiler": "gcc@11.4.0",
        "compiler_name": "gcc",
        "compiler_version": "11.4.0",
        "os": "ubuntu22.04",
        "platform": "linux",
        "target": "neoverse_v2",
        "variants": [
            "~affinity",
            "build_system=autotools",
            "~debug",
            "+perf",
            "stackguard=none",
            "~stackunwind",
            "~tool",
            "~valgrind",
        ],
        "size_bytes": None,
        "tarball": None,
        "page": "develop-2024-10-20/build_cache/index.json",
        "flags": [],
        "namespace": "builtin",
        "package_hash": "jn4oa7z5td3x5osrokekoy7scf4pjqtk5yvrc2en5ir6ll3m3guq====",
        "build_spec": None,
        "provided_virtuals": [],
    }


@pytest.mark.parametrize("write", [write_layout_2, write_layout_3])
@pytest.mark.parametrize("top", ["", SNAPSHOT, f"{SNAPSHOT}/e4s"])
def test_a_tree_tells_snapshot_and_stack(write: Any, top: str, tmp_path: Path) -> None:
    """Whether SOURCE is the top of the tree, a snapshot or a stack's mirror."""
    write(tmp_path / "in" / SNAPSHOT / "e4s", index(node()))
    if top != f"{SNAPSHOT}/e4s":
        write(tmp_path / "in" / SNAPSHOT, index(node(), node("hdf5", 2)))

    flatten(tmp_path / "in" / top, out=tmp_path / "out")

    root = [(SNAPSHOT, "hdf5", "root"), (SNAPSHOT, "zlib", "root")]
    expected = [(SNAPSHOT, "zlib", "e4s"), *(root if top != f"{SNAPSHOT}/e4s" else [])]
    assert rows_of(tmp_path / "out") == sorted(expected)


def test_a_snapshot_of_any_name_is_told_by_its_place(tmp_path: Path) -> None:
    """Of two folders below the source, the upper is the snapshot; so is a mirror with mirrors."""
    write_layout_2(tmp_path / "in" / "nightly" / "e4s", index(node()))
    write_layout_2(tmp_path / "in" / "nightly", index(node()))

    flatten(tmp_path / "in", out=tmp_path / "out")
    flatten(tmp_path / "in" / "nightly", out=tmp_path / "other")

    expected = [("nightly", "zlib", "e4s"), ("nightly", "zlib", "root")]
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "other") == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("site", "zlib", None)),
        (["--tag", "2025-08"], ("2025-08", "zlib", None)),
        (["--tag", "2025-08", "--stack", "cluster"], ("2025-08", "zlib", "cluster")),
    ],
)
@pytest.mark.parametrize("is_file", [False, True])
def test_a_mirror_that_stands_alone(
    arguments: list[str], expected: tuple[str, str, str | None], is_file: bool, tmp_path: Path
) -> None:
    """It is named by the user, or by its folder, and has no stack by default."""
    path = write_layout_2(tmp_path / "site", index(node()))

    flatten(path if is_file else tmp_path / "site", *arguments, out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [expected]


def test_an_index_anywhere_needs_its_snapshot(tmp_path: Path) -> None:
    """A file whose path has no names needs --tag and --stack."""
    (tmp_path / "e4s.json").write_bytes(index(node()))

    said = flatten(tmp_path / "e4s.json", out=tmp_path / "out", status=1)
    assert "name it with --tag" in said
    assert not (tmp_path / "out").exists()

    flatten(tmp_path / "e4s.json", "--tag", "t", "--stack", "e4s", out=tmp_path / "out")
    assert rows_of(tmp_path / "out") == [("t", "zlib", "e4s")]


def test_a_stack_is_of_one_mirror(tmp_path: Path) -> None:
    """Stacks of a tree are named by their paths; --stack never names several."""
    for stack in ("e4s", "hep"):
        write_layout_2(tmp_path / "in" / SNAPSHOT / stack, index(node()))

    said = flatten(
        tmp_path / "in", "--tag", SNAPSHOT, "--stack", "e4s", out=tmp_path / "out", status=1
    )

    assert f"it holds several mirrors, {tmp_path}/in/{SNAPSHOT}/e4s and" in said
    assert not (tmp_path / "out" / "tables" / "spec_stacks").exists()


def test_a_stack_needs_its_snapshot(tmp_path: Path) -> None:
    """--stack without one --tag is wrong usage."""
    said = flatten(tmp_path, "--stack", "e4s", out=tmp_path / "out", status=2)

    assert "--stack needs exactly one --tag" in said


@pytest.mark.slow
def test_pages_and_mirrors_together(tmp_path: Path) -> None:
    """A source may have both, even of one snapshot; of a package in both, the first path counts."""
    source = write_pages(
        tmp_path / "in",
        {
            f"_cache/{SNAPSHOT}/zlib/specs.md": site_page("zlib", SNAPSHOT, [make_spec(7)]),
            "_cache/v1.0.0/zlib/specs.md": site_page("zlib", "v1.0.0"),
        },
    )
    write_layout_2(source / "cache" / SNAPSHOT / "e4s", index(node(), node("hdf5", 2)))

    said = flatten(source, out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [
        (SNAPSHOT, "hdf5", "e4s"),
        (SNAPSHOT, "zlib", "e4s"),
        (SNAPSHOT, "zlib", "root"),
        ("v1.0.0", "zlib", "e4s"),
        ("v1.0.0", "zlib", "root"),
    ]
    assert "duplicate-page 1" in said
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr


def test_nothing_but_the_indexes_of_a_mirror_is_looked_at(tmp_path: Path) -> None:
    """Other files of a mirror are many, and may look like pages."""
    mirror = tmp_path / "in" / SNAPSHOT / "e4s"
    write_layout_2(mirror, index(node()))
    write_layout_3(mirror, index(node("hdf5", 2)))
    for folder in ("build_cache", "v3", "blobs"):
        write_pages(mirror / folder, {"linux/zlib/specs.md": site_page("lost", SNAPSHOT)})

    flatten(tmp_path / "in", out=tmp_path / "out")

    # Both layouts of a mirror under migration count.
    expected = [(SNAPSHOT, "hdf5", "e4s"), (SNAPSHOT, "zlib", "e4s")]
    assert rows_of(tmp_path / "out") == expected


def test_a_package_may_be_called_as_a_mirrors_folder(tmp_path: Path) -> None:
    """Without an index, such a folder is searched for pages like any other."""
    source = write_pages(
        tmp_path / "in",
        {
            f"_cache/{SNAPSHOT}/{name}/specs.md": site_page(name, SNAPSHOT)
            for name in RESERVED_NAMES
        },
    )

    flatten(source, out=tmp_path / "out")

    assert set(table(tmp_path / "out", "spec_stacks")["package"]) == RESERVED_NAMES


def test_only_a_snapshot_whose_index_changed_is_read(tmp_path: Path) -> None:
    """After an edit, a removal or neither, the tables equal those of a fresh run."""
    paths = [
        write_layout_2(tmp_path / "in" / tag / "e4s", index(node()))
        for tag in (SNAPSHOT, "develop-2025-08-10")
    ]
    flatten(tmp_path / "in", out=tmp_path / "out")
    parts = sorted((tmp_path / "out/tables/spec_stacks").glob("*/*.parquet"))
    before = [part.stat().st_mtime_ns for part in parts]

    paths[1].write_bytes(index(node(), node("hdf5", 2)))
    flatten(tmp_path / "in", out=tmp_path / "out")

    after = [part.stat().st_mtime_ns for part in parts]
    assert [a == b for a, b in zip(after, before, strict=True)] == [True, False]
    assert len(rows_of(tmp_path / "out")) == 3
    paths[0].unlink()
    flatten(tmp_path / "in", out=tmp_path / "out")
    assert {tag for tag, *_ in rows_of(tmp_path / "out")} == {"develop-2025-08-10"}


GCC = node("gcc", 9, version="14.2.0", compiler=None)
VERSIONS: dict[str, tuple[bytes, str]] = {
    "6": (
        index(
            node(dependencies=[{"name": "m4", "hash": make_hash(8), "type": ["build"]}]),
            version="6",
        ),
        "gcc@11.4.0",
    ),
    "7": (index(node(dependencies=[edge("m4", 8, ("build",))])), "gcc@11.4.0"),
    "8": (
        index(
            node(compiler=None, dependencies=[edge("gcc", 9, ("build",), ("c", "cxx"))]),
            GCC,
            version="8",
            mere=(9,),
        ),
        "gcc@14.2.0",
    ),
    "9": (
        index(
            node(compiler=None, annotations={"compiler": {"name": "clang", "version": "15.0"}}),
            version="9",
        ),
        "llvm@15.0",
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("write", [write_layout_2, write_layout_3])
def test_every_known_version_is_read(version: str, write: Any, tmp_path: Path) -> None:
    """Versions differ in how they name compiler and dependencies."""
    data, compiler = VERSIONS[version]
    write(tmp_path / "in" / SNAPSHOT / "e4s", data)

    flatten(tmp_path / "in", out=tmp_path / "out")

    (row,) = table(tmp_path / "out", "spec_stacks").to_dicts()
    assert (row["compiler"], row["package"], row["stack"]) == (compiler, "zlib", "e4s")
    found = table(tmp_path / "out", "dependencies")
    expected = {"6": ["m4"], "7": ["m4"], "8": ["gcc"], "9": []}[version]
    assert found["dependency_name"].to_list() == expected
    assert all(deptypes == ["build"] for deptypes in found["deptypes"].to_list())


@pytest.mark.parametrize(
    ("edges", "compiler", "languages"),
    [
        ([edge("gcc", 9, ("build",), ("fortran",))], "gcc@14.2.0", [("fortran", "gcc@14.2.0")]),
        (
            [edge("gcc", 9, ("build",), ("fortran",)), edge("llvm", 8, ("build",), ("cxx",))],
            "llvm@19.1",
            [("cxx", "llvm@19.1"), ("fortran", "gcc@14.2.0")],
        ),
        ([edge("gcc", 9, ("link",), ("c",)), edge("llvm", 8, ("build",), ())], "none", []),
    ],
)
def test_a_compiler_is_the_dependency_that_provides_a_language(
    edges: list[dict[str, Any]],
    compiler: str,
    languages: list[tuple[str, str]],
    tmp_path: Path,
) -> None:
    """C before C++ before Fortran, and only build dependencies; without any, `none`."""
    clang = node("llvm", 8, version="19.1", compiler=None)
    data = index(node(compiler=None, dependencies=edges), GCC, clang, version="8", mere=(8, 9))
    write_layout_3(tmp_path / "in" / SNAPSHOT / "e4s", data)

    flatten(tmp_path / "in", out=tmp_path / "out")

    (row,) = table(tmp_path / "out", "spec_stacks").to_dicts()
    assert row["compiler"] == compiler
    found = table(tmp_path / "out", "spec_compilers")
    assert found.select("language", "compiler").rows() == languages
    assert set(found["hash"]) <= {make_hash(1)}


def test_of_several_versions_the_highest_known_is_read(tmp_path: Path) -> None:
    """A manifest may refer to several versions, even unknown ones."""
    mirror = tmp_path / "in" / SNAPSHOT / "e4s"
    data = [index(node(name), version=v) for name, v in (("a", "7"), ("b", "8"), ("c", "11"))]
    write_layout_3(mirror, *data, compression="none")

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "b", "e4s")]


PARAMETERS = {
    "build_system": "cmake",
    "shared": True,
    "ipo": False,
    "cuda_arch": ["80", "90"],
    "patches": ["0123456789abcdef" * 4, "fedcba9876543210" * 4],
    "cxxstd": 17,
    **{name: ["-O3"] for name in ("cflags", "cppflags", "cxxflags", "fflags", "ldflags", "ldlibs")},
}


def test_parameters_are_variants(tmp_path: Path) -> None:
    """As in pages; the six lists of compiler flags are not variants."""
    write_layout_2(tmp_path / "in" / SNAPSHOT / "e4s", index(node(parameters=PARAMETERS)))

    flatten(tmp_path / "in", out=tmp_path / "out")

    (row,) = table(tmp_path / "out", "spec_stacks").to_dicts()
    assert row["variants"] == [
        "build_system=cmake",
        "+shared",
        "~ipo",
        "cuda_arch=80,90",
        "patches=0123456,fedcba9",
        "cxxstd=17",
    ]


def test_what_pages_do_not_tell_of_a_spec(tmp_path: Path) -> None:
    """Flags by kind, namespace, recipe hash, build spec and provided virtuals."""
    mpich = node(
        "mpich",
        2,
        parameters={"cflags": ["-O3", "-g"], "ldflags": [], "fflags": ["-O2"]},
        namespace="mysite",
        package_hash="wb3kxnr====",
        build_spec={"name": "mpich", "hash": make_hash(7)},
    )
    users = [
        node("hdf5", 1, dependencies=[edge("mpich", 2, virtuals=("mpi",))]),
        node("cmake", 3, dependencies=[edge("mpich", 2, virtuals=("mpi", "fortran-rt"))]),
    ]
    write_layout_2(tmp_path / "in" / SNAPSHOT / "e4s", index(mpich, *users, mere=(3,)))

    flatten(tmp_path / "in", out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select("package", *INDEX_COLUMNS).rows()
    assert rows == [
        ("hdf5", [], None, None, None, []),
        (
            "mpich",
            ["cflags=-O3 -g", "fflags=-O2"],
            "mysite",
            "wb3kxnr====",
            make_hash(7),
            ["fortran-rt", "mpi"],
        ),
    ]


def test_pages_leave_null_what_only_an_index_tells(tmp_path: Path) -> None:
    """With either reader of pages, fast or YAML."""
    pages: dict[str, str | bytes] = {
        "a/zlib/specs.md": site_page(),
        "a/xz/specs.md": yaml_page("xz"),
    }
    source = write_pages(tmp_path / "in", pages)

    flatten(source, out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select(*INDEX_COLUMNS).unique().rows()
    assert rows == [(None,) * 5]


@pytest.mark.parametrize("version", ["7", "8"])
def test_an_edge_without_types_counts_for_all(version: str, tmp_path: Path) -> None:
    """As Spack reads it after a splice: it links, and may be the compiler."""
    own = {"name": "gcc", "version": "14.2.0"} if version == "7" else None
    hdf5 = node(
        "hdf5", 1, compiler=own, dependencies=[edge("xz", 2, ()), edge("gcc", 9, (), ("c",))]
    )
    data = index(hdf5, node("xz", 2, compiler=own), GCC, version=version, mere=(9,))
    write_layout_3(tmp_path / "in" / SNAPSHOT / "e4s", data)

    flatten(tmp_path / "in", out=tmp_path / "out")

    found = table(tmp_path / "out", "dependencies")
    every = ["build", "link", "run", "test"]
    assert found.select("dependency_name", "deptypes").rows() == [("xz", every), ("gcc", every)]
    compilers = table(tmp_path / "out", "spec_stacks").filter(package="hdf5")["compiler"]
    assert compilers.to_list() == ["gcc@14.2.0"]


@pytest.mark.parametrize("is_signed", [False, True])
def test_the_size_is_in_the_manifest_of_a_spec(is_signed: bool, tmp_path: Path) -> None:
    """If a mirror of layout 3 has it, signed by Spack or not."""
    mirror = tmp_path / "in" / SNAPSHOT / "e4s"
    write_layout_3(mirror, index(node(), node("hdf5", 2)))
    blobs = [
        {"contentLength": size, "mediaType": f"application/vnd.spack.{kind}"}
        | {"compression": "gzip", "checksumAlgorithm": "sha256", "checksum": "0" * 64}
        for kind, size in (("spec.v5+json", 11), ("install.v2.tar+gzip", 4_000_000_000))
    ]
    text = json.dumps({"version": 3, "data": blobs})
    if is_signed:
        text = (
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
            f"{text}\n-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"
        )
    path = mirror / f"v3/manifests/spec/zlib/zlib-1.2-{make_hash(1)}.spec.manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)

    flatten(tmp_path / "in", out=tmp_path / "out")

    sizes = table(tmp_path / "out", "spec_stacks").select("package", "size_bytes").rows()
    assert sorted(sizes) == [("hdf5", None), ("zlib", 4_000_000_000)]


BAD_RECORDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no name": ({"name": None}, "wrong-type", "Expected 'str', got 'null' - at '$.name'"),
    "a path for a name": ({"name": "../up"}, "bad-value", "name: expected letters, digits"),
    "a bad os": (
        {"arch": {"platform": "linux", "platform_os": "", "target": "zen4"}},
        "bad-value",
        "os: expected letters, digits",
    ),
    "no os": (
        {"arch": {"platform": "linux", "target": "zen4"}},
        "missing-key",
        "Object missing required field 'platform_os' - at '$.arch'",
    ),
    "a bad hash": ({"hash": "short"}, "bad-value", "expected one hash, found 'short'"),
    "a null parameter": (
        {"parameters": {"mpi": None}},
        "wrong-type",
        "parameters: 'mpi': expected true, false, text or a list of texts, found None",
    ),
    "a bad dependency": (
        {"dependencies": [{"name": "m4", "hash": "x"}]},
        "bad-value",
        "dependencies: expected a name and a hash, found 'm4' 'x'",
    ),
    "no record of the compiler": (
        {"dependencies": [edge("gcc", 9, ("build",), ("c",))]},
        "missing-key",
        f"expected the record of its compiler 'gcc', {make_hash(9)}, found none",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_RECORDS)
def test_a_bad_record_is_rejected_alone(case: str, tmp_path: Path) -> None:
    """The other specs of its index are kept, and every loss is a reject."""
    changes, code, message = BAD_RECORDS[case]
    bad = node("bad", 2) | changes
    good = {make_hash(1): {"spec": node(), "in_buildcache": True}}
    installs = good | {make_hash(2): {"spec": bad, "in_buildcache": True}}
    data = json.dumps({"database": {"version": "8", "installs": installs}}).encode()
    for stack in ("e4s", "radiuss"):
        write_layout_2(tmp_path / "in" / SNAPSHOT / stack, data)

    said = flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", stack) for stack in ("e4s", "radiuss")]
    (reject,) = table(tmp_path / "out", "rejects").to_dicts()
    assert (reject["code"], reject["item"], reject["hash"]) == (code, 1, make_hash(2))
    assert reject["page"] == f"{SNAPSHOT}/e4s/build_cache/index.json"
    assert reject["message"].startswith(message)
    assert f"1 rejected ({code} 1)" in said
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr


BAD_INDEXES: dict[str, tuple[bytes, str, str]] = {
    "no JSON": (b'{"database": ', "bad-yaml", "expected JSON: "),
    "no database": (b'{"installs": {}}', "missing-key", "expected an index of a build cache: "),
    "a list": (b'{"database": []}', "wrong-type", "expected an index of a build cache: "),
    "an old version": (
        index(node(), version="5"),
        "bad-value",
        "version: expected an index of version 6 to 9, found 5",
    ),
    "a version to come": (
        index(node(), version="10"),
        "bad-value",
        "version: expected an index of version 6 to 9, found 10",
    ),
    "endless nesting": (
        b'{"database": {"version": "7", "installs": {"a": ' + b"[" * 200_000,
        "bad-value",
        "expected the nesting of an index, found far deeper",
    ),
    "no number": (index(version="x"), "bad-value", "version: expected a number, found 'x'"),
}


@pytest.mark.parametrize("case", BAD_INDEXES)
def test_a_bad_index_is_rejected_as_a_whole(case: str, tmp_path: Path) -> None:
    """The other mirrors of its snapshot are kept."""
    data, code, message = BAD_INDEXES[case]
    write_layout_2(tmp_path / "in" / SNAPSHOT / "e4s", index(node()))
    write_layout_2(tmp_path / "in" / SNAPSHOT / "radiuss", data)

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]
    (reject,) = table(tmp_path / "out", "rejects").to_dicts()
    assert (reject["code"], reject["item"]) == (code, None)
    assert reject["page"] == f"{SNAPSHOT}/radiuss/build_cache/index.json"
    assert reject["message"].startswith(message)


def test_an_index_whose_blob_is_gone_is_refused(tmp_path: Path) -> None:
    """As after an interrupted copy of a mirror."""
    manifest = write_layout_3(tmp_path / "in" / SNAPSHOT / "e4s", index(node()))
    (name,) = [path for path in (manifest.parents[3] / "blobs").rglob("*") if path.is_file()]
    name.unlink()

    flatten(tmp_path / "in", out=tmp_path / "out")

    (reject,) = table(tmp_path / "out", "rejects").to_dicts()
    assert reject["code"] == "unreadable"
    assert reject["message"].endswith("can't be read: No such file or directory")


def test_a_blob_that_comes_after_its_manifest_is_read(tmp_path: Path) -> None:
    """The next run reads it, though the manifest is unchanged."""
    manifest = write_layout_3(tmp_path / "in" / SNAPSHOT / "e4s", index(node()))
    (name,) = [path for path in (manifest.parents[3] / "blobs").rglob("*") if path.is_file()]
    blob = name.read_bytes()
    name.unlink()
    flatten(tmp_path / "in", out=tmp_path / "out")
    name.write_bytes(blob)

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]
    assert table(tmp_path / "out", "rejects").is_empty()


def test_a_mirror_whose_folder_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """It can't name a snapshot; others beside it are read."""
    write_layout_2(tmp_path / "in" / SNAPSHOT / "e4s", index(node()))
    write_layout_2(tmp_path / "in" / os.fsdecode(b"bad\xff"), index(node()))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]
    (reject,) = table(tmp_path / "out", "rejects").to_dicts()
    assert (reject["page"], reject["code"]) == (r"bad\xff/build_cache/index.json", "bad-value")


def test_dependencies_are_kept_with_what_they_are_for(tmp_path: Path) -> None:
    """Also those of a dependency without a binary; externals have a version and path."""
    write_layout_2(
        tmp_path / "in" / SNAPSHOT / "e4s",
        index(
            node(
                "hdf5",
                1,
                dependencies=[
                    edge("mpich", 2, ("build", "link"), ("mpi",)),
                    edge("glibc", 3, ("link",), ("libc",)),
                ],
            ),
            node("mpich", 2, version="3.1", dependencies=[edge("xz", 4, ("run",))]),
            node("glibc", 3, version="2.36", external={"path": "/usr", "module": None}),
            mere=(2, 3),
        ),
    )

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert table(tmp_path / "out", "dependencies").drop("tag").rows() == [
        (make_hash(1), make_hash(2), "mpich", ["build", "link"], ["mpi"], False, "3.1", None),
        (make_hash(1), make_hash(3), "glibc", ["link"], ["libc"], True, "2.36", "/usr"),
        (make_hash(2), make_hash(4), "xz", ["run"], [], False, None, None),
    ]
    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "hdf5", "e4s")]


def test_tables_of_pages_have_no_dependencies(tmp_path: Path) -> None:
    """Both tables exist, empty, for any reader."""
    source = write_pages(tmp_path / "in", {"a/zlib/specs.md": site_page()})

    flatten(source, out=tmp_path / "out")

    for name in ("dependencies", "spec_compilers"):
        assert table(tmp_path / "out", name).is_empty()
