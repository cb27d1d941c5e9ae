"""Mirrors from anyone: no file hangs or stops a run, or affects other specs."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from pipeline.sources.mirror import blobs
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
    write_spec_manifest,
)
from tests.writing import make_hash

ZLIB = f"zlib-1.2-{make_hash(1)}"
INDEX = f"{SNAPSHOT}/e4s/build_cache/index.json"
MANIFEST = f"{SNAPSHOT}/e4s/v3/manifests/index/index.manifest.json"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Return the folder of a stack's mirror."""
    return tmp_path / "in" / SNAPSHOT / "e4s"


def only_blob(mirror: Path) -> Path:
    """Return the only blob of a mirror."""
    (path,) = (path for path in (mirror / "blobs").rglob("*") if not path.is_dir())
    return path


def replace_blob(mirror: Path, stored: bytes) -> None:
    """Replace the blob of a mirror of layout 3, with its name and checksum in the manifest."""
    old, checksum = only_blob(mirror), hashlib.sha256(stored).hexdigest()
    path = mirror / "blobs" / "sha256" / checksum[:2] / checksum
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(stored)
    manifest = mirror / "v3" / "manifests" / "index" / "index.manifest.json"
    manifest.write_text(manifest.read_text().replace(old.name, checksum))
    old.unlink()


@pytest.mark.parametrize("write", [write_layout_2, write_layout_3])
@pytest.mark.parametrize("version", ["1\0", "1/2", "\N{BEL}", "1" * 5000, ""])
def test_a_version_may_be_any_text(version: str, write: Any, mirror: Path, tmp_path: Path) -> None:
    """It is used as a file name if a mirror has manifests, and stops no command."""
    write(mirror, index(node(version=version), node("good", 2)))
    write_spec_manifest(mirror, "good-1.2-x", 1, package="good")

    flatten(tmp_path / "in", out=tmp_path / "out")

    found = table(tmp_path / "out", "spec_stacks").select("package", "version").rows()
    assert ("good", "1.2") in found
    if len(version) < 100:
        assert ("zlib", version) in found


@pytest.mark.parametrize("size", [2**63, 10**300, -1])
def test_a_size_that_no_file_has_refuses_the_spec_of_its_stack(
    size: int, mirror: Path, tmp_path: Path
) -> None:
    """Another stack's binary of the same spec is accepted."""
    write_layout_3(mirror, index(node(), node("hdf5", 2)), sizes={1: size})
    write_layout_3(mirror.parent / "hep", index(node()), sizes={1: 2**63 - 1})

    flatten(tmp_path / "in", out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select("package", "stack", "size_bytes").rows()
    assert rows == [("hdf5", "e4s", None), ("zlib", "hep", 2**63 - 1)]
    ((page, item, spec_hash, code, message),) = rejects_of(tmp_path / "out")
    assert (page, item, spec_hash, code) == (MANIFEST, 0, make_hash(1), "bad-value")
    assert message.startswith("size_bytes: expected 0 to 9223372036854775807, found ")


@pytest.mark.parametrize("what", ["index", "manifest", "blob"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_regular_files_are_read(what: str, kind: str, mirror: Path, tmp_path: Path) -> None:
    """A pipe or device might never end; other stacks are read."""
    write_layout_2(mirror.parent / "hep", index(node()))
    if what == "index":
        path = write_layout_2(mirror, index(node()))
    else:
        path = write_layout_3(mirror, index(node()))
        path = path if what == "manifest" else only_blob(mirror)
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")

    flatten(tmp_path / "in", "--follow-links", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "hep")]
    ((_, item, _, code, message),) = rejects_of(tmp_path / "out")
    assert (item, code) == (None, "unreadable")
    assert message.endswith("can't be read: not a regular file")


@pytest.mark.parametrize("kind", ["pipe", "large", "list", "nested", "not UTF-8", "folder"])
def test_a_specs_manifest_that_tells_no_size_leaves_it_null(
    kind: str, mirror: Path, tmp_path: Path
) -> None:
    """The spec is in the index all the same."""
    write_layout_3(mirror, index(node()))
    path = write_spec_manifest(mirror, ZLIB, 7)
    text = path.read_text()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_text(text + " " * blobs.MAX_MANIFEST_BYTES)
    else:
        path.write_bytes({"list": b"[]", "nested": b"[" * 100_000, "not UTF-8": b'{"\xff'}[kind])

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert table(tmp_path / "out", "spec_stacks")["size_bytes"].to_list() == [None]
    assert rejects_of(tmp_path / "out") == []


def test_an_index_is_read_in_little_memory(mirror: Path, tmp_path: Path) -> None:
    """Memory is bounded by the index: 3 GB of address space suffice for 500 bytes."""
    write_layout_3(mirror, index(node()))
    limit = 3_000_000_000

    result = run_command(
        *("flatten", tmp_path / "in", "--out", tmp_path / "out"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )

    assert result.returncode == 0, result.stderr
    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]


def test_a_gzip_bomb_ends_at_the_limit(mirror: Path, tmp_path: Path) -> None:
    """Decompression stops once the ratio exceeds that of any index."""
    write_layout_3(mirror, index(node()))
    replace_blob(mirror, gzip.compress(b" " * 200_000_000, compresslevel=1))

    flatten(tmp_path / "in", "--strict", out=tmp_path / "out", status=3)

    ((page, _, _, code, message),) = rejects_of(tmp_path / "out")
    assert (page, code) == (MANIFEST, "bad-value")
    assert message.startswith("expected an index of at most 2000000000 bytes and 100 times its")
    found = int(message.split("found ")[1].split()[0])
    assert found < 50_000_000


@pytest.mark.slow
def test_an_index_compresses_less_than_the_limit(mirror: Path, tmp_path: Path) -> None:
    """Even if specs differ only where Spack makes them differ: in their hashes."""
    specs = [
        node(number=number, parameters=dict.fromkeys("abcdefgh" * 9, True))
        for number in range(20_000)
    ]
    for number, spec in enumerate(specs):
        spec["hash"] = make_hash(hash(str(number)) % 32**12 * 32**20 + number)
    write_layout_3(mirror, index(*specs))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert len(rows_of(tmp_path / "out")) == 20_000


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_an_index_larger_than_the_limit_is_refused(
    compression: str, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compressed or not; the limit is two gigabytes."""
    data = index(*(node(number=number) for number in range(100)))
    write_layout_3(mirror, data, compression=compression)
    monkeypatch.setattr(blobs, "MAX_INDEX_BYTES", len(data) - 1)

    flatten(tmp_path / "in", "--strict", out=tmp_path / "out", status=3)

    ((_, _, _, code, message),) = rejects_of(tmp_path / "out")
    if compression == "none":
        assert (code, message.split(": ")[-1]) == (
            "unreadable",
            f"{len(data)} bytes, more than {len(data) - 1}",
        )
    else:
        assert code == "bad-value"


@pytest.mark.parametrize("kind", ["changed", "cut off", "gzip cut off", "not gzip"])
def test_a_blob_must_match_its_checksum(kind: str, mirror: Path, tmp_path: Path) -> None:
    """The manifest has the sha256 of the stored bytes, which must then decompress."""
    write_layout_3(mirror, index(node()), compression="gzip" if "gzip" in kind else "none")
    path = only_blob(mirror)
    stored = path.read_bytes()
    if kind == "changed":
        path.write_bytes(stored.replace(b'"1.2"', b'"6.6"'))
    elif kind == "cut off":
        path.write_bytes(stored[:-1])
    elif kind == "gzip cut off":
        replace_blob(mirror, stored[:-9])
    else:
        replace_blob(mirror, b"BZh91AY&SY")

    flatten(tmp_path / "in", "--strict", out=tmp_path / "out", status=3)

    ((page, _, _, code, message),) = rejects_of(tmp_path / "out")
    is_wrong = kind in ("changed", "cut off")
    assert (page, code) == (MANIFEST, "bad-checksum" if is_wrong else "unreadable")
    if is_wrong:
        assert message == (
            f"its index blobs/sha256/{path.name[:2]}/{path.name}: expected the sha256 in its name, "
            f"found {hashlib.sha256(path.read_bytes()).hexdigest()}; copy the mirror again, or run "
            "'spack buildcache update-index'"
        )
    assert rows_of(tmp_path / "out") == []


def test_rejects_of_an_index_are_limited(mirror: Path, tmp_path: Path) -> None:
    """Of 1,500 bad records of as many packages, a thousand are listed, the rest counted."""
    bad = [node(f"p{number}", number, arch=None) for number in range(2, 1502)]
    write_layout_2(mirror, index(node(), *bad))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]
    messages = [message for *_, message in rejects_of(tmp_path / "out")]
    assert len(messages) == 1001
    assert "expected specs, found 500 more to refuse; only the first 1000 are listed" in messages
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr


BAD_MANIFESTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "expected JSON, found an empty file"),
    "HTML": (b"<html>", "expected JSON, found HTML or XML, as a server's error page"),
    "no UTF-8": (b'{"version": 3, "data": [{"mediaType": "\xff"}]}', "no manifest of layout 3 ("),
    "nested": (b'{"data": ' + b"[" * 100_000, "no manifest of layout 3 ("),
    "no data": (b'{"version": 3}', "no manifest of layout 3 ("),
    "nothing": (b'{"data": []}', "names no index of version 6 to 9, but nothing; a later version"),
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_why_a_manifest_is_refused(case: str, mirror: Path, tmp_path: Path) -> None:
    """It affects no other stack, and the reject has the reason."""
    data, message = BAD_MANIFESTS[case]
    write_layout_3(mirror, index(node())).write_bytes(data)
    write_layout_3(mirror.parent / "hep", index(node()))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "hep")]
    ((page, _, _, code, found),) = rejects_of(tmp_path / "out")
    assert (page, code) == (MANIFEST, "bad-value")
    assert found.startswith(f"manifest: {message}")


@pytest.mark.slow
@pytest.mark.parametrize("good", ["a", "b"])
@pytest.mark.parametrize("fault", ["no arch", "bad os", "bad compiler", "no JSON of a spec"])
def test_a_bad_record_does_not_affect_other_stacks(fault: str, good: str, tmp_path: Path) -> None:
    """In any order: each stack has what its own index says."""
    bad: dict[str, Any] = node()
    if fault == "no arch":
        del bad["arch"]
    elif fault == "bad os":
        bad["arch"] = {"platform": "linux", "platform_os": "../up", "target": "zen4"}
    elif fault == "bad compiler":
        bad["compiler"] = {"name": "g c c", "version": "1"}
    else:
        bad["parameters"] = {"mpi": None}
    other = "b" if good == "a" else "a"
    write_layout_2(tmp_path / "in" / SNAPSHOT / good, index(node()))
    write_layout_2(tmp_path / "in" / SNAPSHOT / other, index(bad))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", good)]
    ((page, item, spec_hash, _, _),) = rejects_of(tmp_path / "out")
    assert (page, item) == (f"{SNAPSHOT}/{other}/build_cache/index.json", 0)
    assert spec_hash == make_hash(1)
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr


FAULTY_TEXTS: dict[str, tuple[bytes, str | None]] = {
    "a lone surrogate": (b'"1\\ud800"', "bad-yaml"),
    "half a pair": (b'"1\\udc41x"', "bad-yaml"),
    "no UTF-8": (b'"1\xff"', "not-utf8"),
    "a control character": (b'"1\x01"', None),
}


@pytest.mark.parametrize("case", FAULTY_TEXTS)
def test_invalid_text_rejects_one_record(case: str, mirror: Path, tmp_path: Path) -> None:
    """Other records of its index are kept, and what can still be read is."""
    text, code = FAULTY_TEXTS[case]
    data = index(node(), node("bad", 2, version="VERSION"))
    write_layout_2(mirror, data.replace(b'"VERSION"', text))

    flatten(tmp_path / "in", out=tmp_path / "out")

    bad = [(SNAPSHOT, "bad", "e4s")] if code is None else []
    assert rows_of(tmp_path / "out") == [*bad, (SNAPSHOT, "zlib", "e4s")]
    found = [(item, spec_hash, of) for _, item, spec_hash, of, _ in rejects_of(tmp_path / "out")]
    assert found == ([] if code is None else [(1, make_hash(2), code)])


@pytest.mark.parametrize("number", ["1" + "0" * 5000, "1e999"])
def test_a_huge_number_rejects_one_record(number: str, mirror: Path, tmp_path: Path) -> None:
    """Python refuses to format integers of five thousand digits."""
    data = index(node(), node("bad", 2, parameters={"cxxstd": "NUMBER"}))
    write_layout_2(mirror, data.replace(b'"NUMBER"', number.encode()))

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "zlib", "e4s")]
    ((_, item, spec_hash, _, _),) = rejects_of(tmp_path / "out")
    assert (item, spec_hash) == (1, make_hash(2))


@pytest.mark.slow
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_a_hash_twice_in_an_index_is_reported(
    separators: tuple[str, str], indent: int | None, mirror: Path, tmp_path: Path
) -> None:
    """Of two records of a hash, the last counts, as in Spack, and the other is a reject."""
    records = {
        make_hash(number): {"spec": node(name, number), "in_buildcache": True}
        for number, name in ((1, "zlib"), (2, "hdf5"))
    }
    again = {"spec": node("zlib", 3, version="1.3"), "in_buildcache": True}
    document = {"database": {"version": "7", "installs": {**records, make_hash(3): again}}}
    text = json.dumps(document, indent=indent, separators=separators)
    write_layout_2(mirror, text.replace(make_hash(3), make_hash(1)).encode())

    flatten(tmp_path / "in", out=tmp_path / "out")

    rows = table(tmp_path / "out", "spec_stacks").select("package", "version").rows()
    assert rows == [("hdf5", "1.2"), ("zlib", "1.3")]
    message = "hash: expected once in an index, found again; of its records the last is kept"
    assert rejects_of(tmp_path / "out") == [(INDEX, 0, make_hash(1), "duplicate-spec", message)]
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr


def test_other_indexes_have_no_hash_twice(mirror: Path, tmp_path: Path) -> None:
    """However they are formatted."""
    document = json.loads(index(node(), node("hdf5", 2)))
    for number, (indent, separators) in enumerate([(None, (",", ":")), (4, None), (None, None)]):
        text = json.dumps(document, indent=indent, separators=separators)
        write_layout_2(mirror.parent / f"s{number}", text.encode())

    flatten(tmp_path / "in", out=tmp_path / "out")

    assert rejects_of(tmp_path / "out") == []
    assert len(rows_of(tmp_path / "out")) == 6


@pytest.mark.slow
def test_an_external_of_one_stack_is_missing_in_none(tmp_path: Path) -> None:
    """A hash may be external in one stack and have a binary in another."""
    user = node("hdf5", 1, dependencies=[edge("mpich", 2)])
    external = node("mpich", 2, external={"path": "/opt/mpich"})
    write_layout_2(tmp_path / "in" / SNAPSHOT / "a", index(user, external, mere=(2,)))
    write_layout_2(tmp_path / "in" / SNAPSHOT / "b", index(node("mpich", 2)))
    flatten(tmp_path / "in", out=tmp_path / "out")
    built = run_command("build", "--out", tmp_path / "out")
    assert built.returncode == 0, built.stderr

    found = run_command(
        "query", "from closure_holes", "--out", tmp_path / "out", "--format", "json"
    )

    assert json.loads(found.stdout) == []
    columns = ("is_external", "dependency_version", "external_path")
    assert table(tmp_path / "out", "dependencies").select(columns).rows() == [
        (True, "1.2", "/opt/mpich")
    ]
    assert rows_of(tmp_path / "out") == [(SNAPSHOT, "hdf5", "a"), (SNAPSHOT, "mpich", "b")]


BAD_FILES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "bad-yaml", "expected JSON, found an empty file"),
    "spaces": (b" \n", "bad-yaml", "expected JSON, found an empty file"),
    "HTML": (
        b"<!DOCTYPE html><html>",
        "bad-yaml",
        "expected JSON, found HTML or XML, as a server's error page",
    ),
    "binary": (b"\x7fELF\x02\x01\0\0", "bad-yaml", "expected JSON, found binary data"),
    "gzip": (gzip.compress(b"{}"), "bad-yaml", "expected JSON, found gzip-compressed data"),
    "text": (b"404: Not Found", "bad-yaml", "expected JSON, found text"),
    "cut off": (index(node())[:-40], "bad-yaml", "expected JSON: Input data was truncated"),
    "version 10": (
        index(node(), version="10"),
        "bad-value",
        "version: expected an index of version 6 to 9, found 10; a later version of "
        "cache-coverage may know it",
    ),
    "version 5": (
        index(node(), version="5"),
        "bad-value",
        "version: expected an index of version 6 to 9, found 5, written by Spack before 0.18; "
        "rewrite it with a newer one, by 'spack buildcache update-index' or 'spack reindex'",
    ),
    "version 0.9.3": (
        index(node(), version="0.9.3"),
        "bad-value",
        "version: expected an index of version 6 to 9, found 0.9.3, written by Spack before 0.18; "
        "rewrite it with a newer one, by 'spack buildcache update-index' or 'spack reindex'",
    ),
    "other JSON": (
        b'{"error": "rate limited"}',
        "missing-key",
        "expected an index of a build cache: Object missing required field 'database'",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("kind", ["mirror", "installation", "file"])
def test_why_an_index_is_refused(case: str, kind: str, tmp_path: Path) -> None:
    """The reject has the reason, and the snapshot by path or --tag."""
    data, code, message = BAD_FILES[case]
    if kind == "mirror":
        path = write_layout_2(tmp_path / "site", data)
    elif kind == "installation":
        path = write_installation(tmp_path / "site")
    else:
        path = tmp_path / "site.json"
    path.write_bytes(data)
    good = write_layout_2(tmp_path / "good" / "t" / "e4s", index(node("hdf5", 2)))
    source = path if kind == "file" else tmp_path / "site"

    flatten(source, tmp_path / "good", "--tag", "t", "--strict", out=tmp_path / "out", status=3)

    assert good.exists()
    ((_, item, _, found_code, found),) = rejects_of(tmp_path / "out")
    assert (item, found_code, found) == (None, code, message)
    assert table(tmp_path / "out", "rejects")["tag"].to_list() == ["t"]


@pytest.mark.parametrize("kind", ["mirror", "installation", "file", "blob"])
def test_a_byte_order_mark_is_skipped(kind: str, tmp_path: Path) -> None:
    """Windows editors put one before UTF-8."""
    mirror = tmp_path / "t"
    data = b"\xef\xbb\xbf" + index(node())
    if kind == "blob":
        write_layout_3(mirror, index(node()), compression="none")
        replace_blob(mirror, data)
    elif kind == "installation":
        path = write_installation(mirror, install(node()))
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    elif kind == "mirror":
        write_layout_2(mirror, data)
    else:
        mirror = tmp_path / "any name"
        mirror.write_bytes(data)

    flatten(mirror, "--tag", "t", out=tmp_path / "out")

    assert rows_of(tmp_path / "out") == [("t", "zlib", None)]
