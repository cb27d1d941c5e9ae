"""All versions of lock files yield the same specs; broken ones are refused with a remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceError
from pipeline.sources.locks.file_type import is_lock_file
from pipeline.sources.locks.lock_file import read_lock
from pipeline.tables.locks import read_locks
from tests.locks import Need, Node, lock_document, write_lock
from tests.writing import SAMPLE, make_hash

ZLIB = Node("zlib", 1, compiler="gcc@11.4.0")
CMAKE = Node("cmake", 2, compiler="gcc@11.4.0", is_external=True)
HDF5 = Node(
    "hdf5",
    3,
    [Need("zlib"), Need("cmake", ["build"])],
    compiler="gcc@11.4.0",
    target={"name": "zen4", "vendor": "AuthenticAMD", "features": ["avx2"], "parents": []},
    parameters={"mpi": False, "api": "default", "languages": ["c", "c++"]},
)
NODES = [HDF5, ZLIB, CMAKE]


def read(tmp_path: Path, document: Any) -> list[dict[str, Any]]:
    """Return the rows of lock_specs of one lock file, named `mine`."""
    path = write_lock(tmp_path / "spack.lock", document)
    return read_locks({"mine": path}).to_dicts()


@pytest.mark.parametrize("version", range(1, 8))
def test_every_version_gives_the_same_specs(tmp_path: Path, version: int) -> None:
    """Name, version, compiler, target, variants, roots and dependencies, in each format."""
    rows = read(tmp_path, lock_document(NODES, ["hdf5"], version))

    assert [row["package"] for row in rows] == ["hdf5", "zlib", "cmake"]
    assert [row["is_root"] for row in rows] == [True, False, False]
    assert [row["is_external"] for row in rows] == [False, False, True]
    hdf5, zlib, cmake = rows
    assert hdf5["lock"] == "mine"
    assert hdf5["lock_version"] == version
    assert hdf5["spack_version"] == ("0.22.1" if version >= 5 else None)
    assert hdf5["hash"] == HDF5.hash
    assert (hdf5["version"], hdf5["compiler"]) == ("1.2", "gcc@11.4.0")
    assert (hdf5["os"], hdf5["platform"], hdf5["target"]) == ("ubuntu22.04", "linux", "zen4")
    assert zlib["target"] == "x86_64_v3"
    assert hdf5["variants"] == ["~mpi", "api=default", "languages=c,c++"]
    assert hdf5["root_specs"] == ["hdf5@1:"]
    assert hdf5["root_groups"] == (["tools"] if version == 7 else [])
    assert [edge["node_key"] for edge in hdf5["dependencies"]] == [
        zlib["node_key"],
        cmake["node_key"],
    ]
    assert hdf5["needed_keys"] == [zlib["node_key"]]
    assert [edge["deptypes"] for edge in hdf5["dependencies"]] == [["build", "link"], ["build"]]


@pytest.mark.parametrize("version", [2, 3])
def test_two_keys_may_have_one_hash(tmp_path: Path, version: int) -> None:
    """Builds that differ only in a build dependency stay two specs with one hash."""
    document = lock_document([ZLIB], ["zlib"], version)
    (form,) = document["concrete_specs"].values()
    document["concrete_specs"][make_hash(77)] = form

    rows = read(tmp_path, document)

    assert [row["hash"] for row in rows] == [ZLIB.hash, ZLIB.hash]
    assert len({row["node_key"] for row in rows}) == 2


def test_two_roots_may_be_one_spec(tmp_path: Path) -> None:
    """A spec that the user named twice in other words is one root, with both texts."""
    document = lock_document([ZLIB], ["zlib"])
    document["roots"].append({"hash": ZLIB.hash, "spec": "zlib+shared"})

    (row,) = read(tmp_path, document)

    assert row["root_specs"] == ["zlib@1:", "zlib+shared"]


def test_a_compiler_is_a_node_from_version_6_on(tmp_path: Path) -> None:
    """The compiler is that of the first language; older specs have it in annotations."""
    gcc = Node("gcc", 4, version="14.2.0", is_external=True)
    clang = Node("llvm", 5, version="19.1.0", is_external=True)
    compiled = Node(
        "fftw",
        6,
        [Need("llvm", ["build"], ["fortran"]), Need("gcc", ["build"], ["c", "cxx"])],
    )
    older = Node("expat", 7, annotations={"compiler": "oneapi@=2024.2.1"})
    rows = read(tmp_path, lock_document([gcc, clang, compiled, older], ["fftw"]))

    assert {row["package"]: row["compiler"] for row in rows} == {
        "gcc": "none",
        "llvm": "none",
        "fftw": "gcc@14.2.0",
        "expat": "intel-oneapi-compilers@2024.2.1",
    }


def test_included_environments_are_part_of_it(tmp_path: Path) -> None:
    """Specs and roots of included environments count, a spec in several of them once."""
    inner = lock_document([ZLIB, CMAKE], ["cmake"])
    includes = {
        "/env/tools": {
            "roots": inner["roots"],
            "concrete_specs": inner["concrete_specs"],
            "include_concrete": {"/env/more": {"roots": [], "concrete_specs": {}}},
        }
    }
    rows = read(tmp_path, lock_document(NODES, ["hdf5"], includes=includes))

    assert [row["package"] for row in rows] == ["hdf5", "zlib", "cmake"]
    assert [row["is_root"] for row in rows] == [True, False, True]


def test_a_dependency_may_be_in_an_included_environment(tmp_path: Path) -> None:
    """A dependency may be a spec that only an included environment has."""
    inner = lock_document([ZLIB], ["zlib"])
    document = lock_document(NODES, ["hdf5"], includes={"/env/base": inner})
    del document["concrete_specs"][ZLIB.hash]

    assert {row["package"] for row in read(tmp_path, document)} == {"hdf5", "zlib", "cmake"}


def test_the_order_of_keys_does_not_matter(tmp_path: Path) -> None:
    """Versions of Spack write the parts of a lock file in different orders."""
    document = lock_document(NODES, ["hdf5"])
    turned = dict(reversed(list(document.items())))

    assert read(tmp_path, turned) == read(tmp_path, document)
    assert is_lock_file(write_lock(tmp_path / "turned.json", turned))


def test_what_is_meant_as_a_lock_file_is_known(tmp_path: Path) -> None:
    """By its name or its metadata; pages and indexes are not."""
    document = lock_document(NODES, ["hdf5"])

    assert is_lock_file(write_lock(tmp_path / "any-name", document))
    assert is_lock_file(write_lock(tmp_path / "spack.lock", "broken"))
    assert not is_lock_file(write_lock(tmp_path / "index.json", {"database": {}}))
    assert not is_lock_file(next(SAMPLE.rglob("*.md")))
    assert not is_lock_file(tmp_path)
    assert not is_lock_file(tmp_path / "nothing")


def change(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a lock file with some parts replaced."""
    return document | changes


GOOD = lock_document(NODES, ["hdf5"])
FUTURE = {"file-type": "spack-lockfile", "lockfile-version": 8}
NODE = GOOD["concrete_specs"][ZLIB.hash]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("spack:\n  specs: [zlib]\n", "a spack.yaml, perhaps; name a spack.lock that 'spack"),
        ("", "expected JSON; name a spack.lock"),
        ('{"_meta": {"file-type"', "expected JSON"),
        ("[1, 2]", "expected JSON; name a spack.lock"),
        ({"database": {}}, "expected '_meta' with 'file-type' 'spack-lockfile'"),
        (change(GOOD, _meta={"file-type": "other"}), "expected '_meta' with 'file-type'"),
        (change(GOOD, _meta=FUTURE), "expected 1 to 7, found 8; a later version of cache-coverage"),
        (change(GOOD, _meta=FUTURE | {"lockfile-version": 0}), "expected 1 to 7, found 0"),
        (change(GOOD, _meta=FUTURE | {"lockfile-version": "6"}), "expected 1 to 7, found '6'"),
        (change(GOOD, _meta=FUTURE | {"lockfile-version": True}), "expected 1 to 7, found True"),
        (change(GOOD, roots="hdf5"), "Expected 'array'"),
        (change(GOOD, concrete_specs={}), "'hdf5@1:' is .* which concrete_specs lacks"),
        (
            change(GOOD, concrete_specs={HDF5.hash: GOOD["concrete_specs"][HDF5.hash]}),
            "depends on 'zlib' .* which concrete_specs lacks",
        ),
        (
            change(GOOD, concrete_specs=GOOD["concrete_specs"] | {ZLIB.hash: {"name": "zlib"}}),
            f"{ZLIB.hash}': Object missing required field 'version'; concretize the environment",
        ),
        (
            change(
                GOOD,
                concrete_specs=GOOD["concrete_specs"]
                | {ZLIB.hash: NODE | {"parameters": {"patches": {"a": 1}}}},
            ),
            f"{ZLIB.hash}': parameters: 'patches'",
        ),
        (
            lock_document([Node("a", 1, [Need("b")]), Node("b", 2, [Need("a")])], ["a"]),
            "concrete_specs: . > . > . depend on each other; concretize",
        ),
        ({key: value for key, value in GOOD.items() if key != "roots"}, "missing .* 'roots'"),
        ('{"_meta": ' + "[" * 100_000, "found far deeper; name a spack.lock"),
    ],
)
def test_a_broken_lock_file_is_refused(tmp_path: Path, document: Any, problem: str) -> None:
    """The message names the file, the problem and the remedy."""
    path = write_lock(tmp_path / "spack.lock", document)

    with pytest.raises(SourceError, match=problem) as caught:
        read_lock(path)

    assert str(caught.value).startswith(f"{path}: not a lock file that can be read: ")
    assert ";" in str(caught.value)


def test_a_lock_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """The message says that the JSON is not UTF-8."""
    path = tmp_path / "spack.lock"
    path.write_bytes(json.dumps(GOOD).encode().replace(b"zlib", b"zl\xff\xfe"))

    with pytest.raises(SourceError, match="UTF-8"):
        read_lock(path)


def test_a_lock_file_that_is_missing_is_reported(tmp_path: Path) -> None:
    """The message has the system's reason."""
    with pytest.raises(SourceError, match=r"spack.lock: can't be read: No such file"):
        read_lock(tmp_path / "spack.lock")
