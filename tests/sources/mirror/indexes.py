"""Write build caches for tests: specs, indexes, mirrors of both layouts, installations."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from click.testing import CliRunner

from pipeline.cli.main import main
from tests.writing import make_hash

SNAPSHOT = "develop-2025-08-03"
INDEX_FOLDER = "v3/manifests/index"
Reject = tuple[str, int | None, str | None, str, str]


def flatten(*arguments: str | Path, out: Path, status: int = 0) -> str:
    """Flatten with the command line, in this process; return its messages."""
    result = CliRunner().invoke(main, ["flatten", *map(str, arguments), "--out", str(out)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.stderr
    return result.stderr


def table(out: Path, name: str) -> pl.DataFrame:
    """Read a table, with its tag as text."""
    return pl.read_parquet(
        f"{out}/tables/{name}/*/*.parquet", hive_schema={"tag": pl.String}, hive_partitioning=True
    )


def node(name: str = "zlib", number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a spec of version 7, with its hash by number."""
    return {
        "name": name,
        "version": "1.2",
        "arch": {"platform": "linux", "platform_os": "ubuntu22.04", "target": "x86_64_v3"},
        "compiler": {"name": "gcc", "version": "11.4.0"},
        "parameters": {"shared": True, "cflags": []},
        "hash": make_hash(number),
    } | changes


def edge(
    name: str, number: int, deptypes: tuple[str, ...] = ("link",), virtuals: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a dependency of version 7."""
    parameters = {"deptypes": deptypes, "virtuals": virtuals}
    return {"name": name, "hash": make_hash(number), "parameters": parameters}


def index(*nodes: dict[str, Any], version: str = "7", mere: tuple[int, ...] = ()) -> bytes:
    """Return an index of these specs; those whose numbers are in `mere` have no binary."""
    absent = {make_hash(number) for number in mere}
    installs = {
        spec["hash"]: {"spec": spec, "in_buildcache": spec["hash"] not in absent, "ref_count": 0}
        for spec in nodes
    }
    return json.dumps({"database": {"version": version, "installs": installs}}).encode()


def write_layout_2(mirror: Path, data: bytes) -> Path:
    """Write an index as Spack 0.22 does; return its path."""
    path = mirror / "build_cache" / "index.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


def blob(mirror: Path, data: bytes, media_type: str, compression: str) -> dict[str, Any]:
    """Write a blob; return its description for a manifest."""
    stored = gzip.compress(data, mtime=0) if compression == "gzip" else data
    checksum = hashlib.sha256(stored).hexdigest()
    path = mirror / "blobs" / "sha256" / checksum[:2] / checksum
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stored)
    return {
        "contentLength": len(stored),
        "mediaType": media_type,
        "compression": compression,
        "checksumAlgorithm": "sha256",
        "checksum": checksum,
    }


def write_layout_3(
    mirror: Path, *data: bytes, compression: str = "gzip", sizes: dict[int, int] | None = None
) -> Path:
    """Write indexes of one mirror as Spack 1.0 does; return the manifest's path.

    `sizes` are those of the binaries of zlib 1.2, by number, in manifests of their own.
    """
    for number, size in (sizes or {}).items():
        write_spec_manifest(mirror, f"zlib-1.2-{make_hash(number)}", size)
    return write_manifest(mirror / INDEX_FOLDER, mirror, data, compression)


def write_view(mirror: Path, name: str, data: bytes) -> Path:
    """Write a view of a mirror as Spack does; return the path of its manifest."""
    return write_manifest(mirror / INDEX_FOLDER / name, mirror, [data], "gzip")


def write_spec_manifest(mirror: Path, name: str, size: int, package: str = "zlib") -> Path:
    """Write the manifest of spec NAME-VERSION-HASH; return its path."""
    blobs = [
        {"contentLength": length, "mediaType": f"application/vnd.spack.{kind}"}
        | {"compression": "gzip", "checksumAlgorithm": "sha256", "checksum": "0" * 64}
        for kind, length in (("spec.v5+json", 11), ("install.v2.tar+gzip", size))
    ]
    path = mirror / "v3" / "manifests" / "spec" / package / f"{name}.spec.manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 3, "data": blobs}))
    return path


def write_manifest(folder: Path, mirror: Path, data: Iterable[bytes], compression: str) -> Path:
    """Write indexes and the manifest that refers to them; return its path."""
    blobs = [
        blob(
            mirror,
            each,
            f"application/vnd.spack.db.v{json.loads(each)['database']['version']}+json",
            compression,
        )
        for each in data
    ]
    path = folder / "index.manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 3, "data": blobs}))
    return path


def install(spec: dict[str, Any], *, installed: bool = True) -> dict[str, Any]:
    """Return a record of an installation's database."""
    path = None if "external" in spec else f"/opt/spack/{spec['name']}-{spec['hash']}"
    return {"spec": spec, "path": path, "installed": installed, "ref_count": 0, "explicit": True}


def write_installation(root: Path, *records: dict[str, Any], version: str = "8") -> Path:
    """Write the database of an installation; return its path."""
    installs = {record["spec"]["hash"]: record for record in records}
    path = root / ".spack-db" / "index.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"database": {"version": version, "installs": installs}}))
    return path


def rows_of(out: Path) -> list[tuple[str, str, str | None]]:
    """Return tag, package and stack of each row."""
    return sorted(
        table(out, "spec_stacks").select("tag", "package", "stack").rows(),
        key=lambda row: tuple(map(str, row)),
    )


def rejects_of(out: Path) -> list[Reject]:
    """Return page, item, hash, code and message of each reject."""
    columns = ("page", "item", "hash", "code", "message")
    return sorted(table(out, "rejects").select(columns).rows())
