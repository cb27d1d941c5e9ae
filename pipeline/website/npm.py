"""The browser libraries of the website: pinned, downloaded with npm, and checked.

They are not in the repository: tarballs come from npm's cache or registry when a website is
written, or from a folder filled with `npm pack` elsewhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from pipeline.errors import WebsiteError

TIMEOUT_SECONDS = 600
LICENCE_NAMES = ("licen[cs]e*", "notice*", "copying*")


@dataclass(frozen=True)
class Package:
    """One npm package: its version, the sha512 of its tarball, and the files that are used."""

    name: str
    version: str
    sha512: str  # in base64, as in `npm view NAME dist.integrity`
    files: tuple[str, ...]  # glob patterns below the package

    @property
    def spec(self) -> str:
        """Return the package and version, as npm writes them."""
        return f"{self.name}@{self.version}"

    @property
    def tarball(self) -> str:
        """Return the file name that `npm pack` uses."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def folder(self) -> str:
        """Return the folder of its files below the website's `lib`."""
        return self.name.rpartition("/")[2]


# DuckDB-Wasm 1.32.0 is DuckDB 1.4.3, which reads the storage format that `build` writes. Of its
# builds only the one for WebAssembly exceptions is used: all browsers since 2022 have them.
PACKAGES = (
    Package(
        "@duckdb/duckdb-wasm",
        "1.32.0",
        "IewXTNYEjsZCPE9weUWgtjGxUlMRo7qhX0GF6tq/KjK8bnY+RAl4cyUdYUfcdzbyb4b9ZxPC+FOsCcxgaKFWMg==",
        (
            "dist/duckdb-browser.mjs",
            "dist/duckdb-browser-eh.worker.js",
            "dist/duckdb-eh.wasm",
        ),
    ),
    # The format of DuckDB-Wasm's results, in the version that it requires.
    Package(
        "apache-arrow",
        "17.0.0",
        "X0p7auzdnGuhYMVKYINdQssS4EcKec9TCXyez/qtJt32DrIMGbzqiaMiQ0X6fQlQpw8Fl0Qygcv4dfRAr5Gu9Q==",
        ("Arrow.es2015.min.js",),
    ),
    # DuckDB-Wasm would load its Parquet extension from another host.
    Package(
        "hyparquet-writer",
        "0.17.0",
        "GZ4QeopztjSli/Sz1dSOP/TrSKtwG2ydP2yuPMxeiZnho+PCXF7x+wx8OIVtpQn8rcv559IH1EJMHnTbv0sn+Q==",
        ("src/*.js",),
    ),
    Package(
        "hyparquet",
        "1.31.5",
        "KPVfaxW8xOiO2/4fjeiBfFNEXhGVw9tfcb9ha2iNZdJ3J/yBjEwIeAnTyyuhllFFTb9YO9wg0DfRAOnm6KCvBg==",
        ("src/*.js",),
    ),
)


class PackageManifest(msgspec.Struct):
    """The fields of a `package.json` about its licence."""

    license: str = "unknown"
    author: Any = None
    repository: Any = None


def download_packages(folder: Path) -> None:
    """Download the tarballs of all packages to `folder` with npm.

    Raises
    ------
    WebsiteError
        npm is not installed, or fails.
    """
    command = [
        *("npm", "pack", "--loglevel=error", "--ignore-scripts", "--prefer-offline"),
        *("--pack-destination", str(folder.resolve())),
        *(package.spec for package in PACKAGES),
    ]
    remedy = (
        "install Node.js with npm, or run "
        f"'npm pack {' '.join(package.spec for package in PACKAGES)}' where npm works and name the "
        "folder of the tarballs with --packages"
    )
    if shutil.which("npm") is None:
        raise WebsiteError(f"npm is not installed, so DuckDB-Wasm is not available; {remedy}")
    try:
        # Not in the user's folder, which may have its own package.json and .npmrc.
        result = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise WebsiteError(
            f"npm: no answer within {TIMEOUT_SECONDS} s, so DuckDB-Wasm is not available; {remedy}"
        ) from error
    if result.returncode:
        words = result.stderr.decode(errors="replace").strip().splitlines()
        reason = words[0] if words else f"exit status {result.returncode}"
        raise WebsiteError(f"npm: {reason}; so DuckDB-Wasm is not available; {remedy}")


def unpack_packages(tarballs: Path, folder: Path) -> None:
    """Unpack the used files of each package to `folder`/NAME, with its licence.

    Raises
    ------
    WebsiteError
        A tarball is missing, is not the pinned one, or lacks a file.
    """
    notices = []
    for package in PACKAGES:
        tarball = tarballs / package.tarball
        check_tarball(tarball, package)
        with tarfile.open(tarball) as archive:
            taken = list(select_members(archive, package))
            for member, path in taken:
                source = archive.extractfile(member)
                if source is None:
                    continue
                target = folder / package.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                write_library(source.read(), target)
            manifest = archive.extractfile("package/package.json")
            notices.append(describe_package(package, manifest.read() if manifest else b"{}"))
        missing = [
            pattern
            for pattern in package.files
            if not any(PurePosixPath(path).match(pattern) for _, path in taken)
        ]
        if missing:
            raise WebsiteError(f"{tarball}: no {missing[0]} in it; download it again")
    (folder / "LICENCES.md").write_text(
        "# Libraries of this website\n\nEach folder has the licence file that its package "
        "contains.\n\n" + "\n".join(notices) + "\n",
        encoding="utf-8",
    )


def write_library(content: bytes, target: Path) -> None:
    """Write a file of a library; compress WebAssembly modules, which are large."""
    if target.suffix == ".wasm":
        packed = gzip.compress(content, mtime=0)
        target.with_name(f"{target.name}.gz").write_bytes(packed)
    else:
        target.write_bytes(content)


def check_tarball(tarball: Path, package: Package) -> None:
    """Check that a tarball is the pinned one.

    Raises
    ------
    WebsiteError
        It is missing, or has another checksum.
    """
    try:
        with tarball.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha512").digest()
    except OSError as error:
        raise WebsiteError(
            f"{tarball}: can't be read: {error.strerror}; make it with 'npm pack {package.spec}'"
        ) from error
    if base64.b64encode(digest).decode() != package.sha512:
        raise WebsiteError(
            f"{tarball}: its sha512 is not that of {package.spec}; remove it and download it again"
        )


def select_members(
    archive: tarfile.TarFile, package: Package
) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Yield the used members of a tarball with their paths below the package."""
    for member in archive.getmembers():
        path = PurePosixPath(member.name).relative_to("package")
        is_licence = len(path.parts) == 1 and any(
            PurePosixPath(path.name.lower()).match(pattern) for pattern in LICENCE_NAMES
        )
        is_used = any(path.match(pattern) for pattern in package.files)
        if member.isfile() and ".." not in path.parts and (is_used or is_licence):
            yield member, str(path)


def describe_package(package: Package, manifest: bytes) -> str:
    """Return the line of `LICENCES.md` for one package, from its `package.json`."""
    known = msgspec.json.decode(manifest, type=PackageManifest)
    author = known.author.get("name") if isinstance(known.author, dict) else known.author
    repository = (
        known.repository.get("url") if isinstance(known.repository, dict) else known.repository
    )
    by = f", by {author}" if author else ""
    return f"- {package.spec}: licence {known.license}{by}; source: {repository or 'unknown'}"


if __name__ == "__main__":
    # For `make npm-packages`.
    try:
        download_packages(Path(sys.argv[1]))
    except WebsiteError as error:
        sys.exit(f"error: {error}")
