"""A real registry on 127.0.0.1 with what Spack 1.2 pushed, in `tests/fetch/registry`.

That is the index and the image manifest of each spec; the images' configurations and layers, which
nobody here reads, were left out. So the registry's storage is written as its filesystem driver has
it: pushing manifests without their layers would be refused.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PUSHED = Path(__file__).parent / "registry"
NAME = "ours/cache"
# Set if the registry has to be installed: then its tests are not skipped.
REQUIRED = "COVERAGE_REGISTRY_REQUIRED"
HTPASSWD = "me:$2y$05$abcdefghijklmnopqrstuus32Eedn9R62DsRlPN0VbXX.Ldixfqqi\n"  # sekret


class Storage:
    """The storage of a registry with one repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "docker" / "registry" / "v2"
        self.repository = self.folder / "repositories" / NAME

    def put_blob(self, content: bytes) -> str:
        """Put a blob into the registry, and return its digest."""
        checksum = hashlib.sha256(content).hexdigest()
        place = self.folder / "blobs" / "sha256" / checksum[:2] / checksum / "data"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return f"sha256:{checksum}"

    def put_layer(self, content: bytes) -> str:
        """Put a layer into the repository, and return its digest."""
        digest = self.put_blob(content)
        self.link(f"_layers/{digest.replace(':', '/')}", digest)
        return digest

    def put_manifest(self, tag: str, content: bytes) -> None:
        """Put a manifest into the repository under a tag."""
        digest = self.put_blob(content)
        self.link(f"_manifests/revisions/{digest.replace(':', '/')}", digest)
        self.link(f"_manifests/tags/{tag}/current", digest)
        self.link(f"_manifests/tags/{tag}/index/{digest.replace(':', '/')}", digest)

    def link(self, path: str, digest: str) -> None:
        """Write a file with which a repository refers to a blob."""
        file = self.repository / path / "link"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(digest)

    def remove_tag(self, tag: str) -> None:
        """Remove a tag."""
        shutil.rmtree(self.repository / "_manifests" / "tags" / tag)


def push_cache(folder: Path) -> Storage:
    """Write the storage of a registry with the pushed cache."""
    storage = Storage(folder)
    storage.put_layer((PUSHED / "index.json").read_bytes())
    for file in PUSHED.glob("*.spack.json"):
        storage.put_manifest(file.name.removesuffix(".json"), file.read_bytes())
    return storage


@contextmanager
def serve_registry(folder: Path, *, is_private: bool = False) -> Iterator[str]:
    """Run a registry on a storage, and yield its HOST:PORT; skip the test if none is installed."""
    program = shutil.which("docker-registry")
    if program is None and not (os.environ.get(REQUIRED) or os.environ.get("CI")):
        pytest.skip("no docker-registry: tests of registries are skipped; apt-get install it")
    assert program, f"no docker-registry, and {REQUIRED} or CI is set"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: ours, path: {folder}/htpasswd}}}}\n" if is_private else ""
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}}}}}\nhttp: {{addr: '{host}'}}\n{auth}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
        try:
            while not answers(host):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.02)
            yield host
        finally:
            process.terminate()
            process.wait()


def answers(host: str) -> bool:
    """Return whether a server listens."""
    name, port = host.split(":")
    try:
        socket.create_connection((name, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
