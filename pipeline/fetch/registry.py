"""Build caches in OCI registries, as Spack 0.21 and later push them (its `spack.oci`).

The tag `index.spack` is an image manifest with one layer: the index as plain JSON, although its
media type says `tar+gzip`. The image of a spec has the tag NAME-VERSION-HASH.spack, and its last
layer is the binary. On disk it becomes an equivalent mirror of layout 3, so that `flatten` has one
format to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import FetchError
from pipeline.fetch.content import (
    MAX_MANIFEST_BYTES,
    Expected,
    UnexpectedError,
    check_gzip_index,
    check_index,
    not_json,
)
from pipeline.fetch.urls import OCI_SCHEMES
from pipeline.sources.mirror.blobs import INSTALL_MEDIA_TYPE
from pipeline.sources.mirror.layout import CHECKSUM, Blob

INDEX_TAG = "index.spack"
SPEC_SUFFIX = ".spack"
ACCEPT = (
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
DOCKER_HUB = "index.docker.io"
MAX_TAG_LENGTH = 128
REPOSITORY_NAME = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
TAG_OR_DIGEST = re.compile(r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$")
GZIP_START = b"\x1f\x8b"


class Descriptor(msgspec.Struct, frozen=True):
    """A layer in an image's manifest; `size` is in bytes."""

    digest: str
    size: int


class Image(msgspec.Struct, frozen=True):
    """An image's manifest."""

    layers: list[Descriptor]


class TagList(msgspec.Struct, frozen=True):
    """A registry's list of the tags in a repository."""

    tags: list[str] | None = None


@dataclass(frozen=True)
class Repository:
    """A repository in a registry; `origin` is the registry's URL."""

    origin: str
    name: str

    @property
    def scope(self) -> str:
        """Return the scope of a token for pulling."""
        return f"repository:{self.name}:pull"

    def manifest_url(self, tag: str) -> str:
        """Return the URL of the manifest of a tag."""
        return f"{self.origin}/v2/{self.name}/manifests/{tag}"

    def blob_url(self, digest: str) -> str:
        """Return the URL of a layer."""
        return f"{self.origin}/v2/{self.name}/blobs/{digest}"

    @property
    def tags_url(self) -> str:
        """Return the URL of the first page of tags."""
        return f"{self.origin}/v2/{self.name}/tags/list?n=100"


def parse_repository(url: str) -> Repository:
    """Return the repository of an oci:// URL without a login.

    As in Spack, names are lower-cased, and Docker Hub is replaced by its registry.

    >>> parse_repository("oci+http://127.0.0.1:5000/ours/Cache:index.spack")
    Repository(origin='http://127.0.0.1:5000', name='ours/cache')
    """
    scheme, _, rest = url.partition("://")
    host = urlsplit(url).netloc
    name = TAG_OR_DIGEST.sub("", rest[len(host) :].strip("/")).lower()
    if not REPOSITORY_NAME.fullmatch(name):
        raise FetchError(f"{url}: expected {scheme}://HOST/NAME, as oci://ghcr.io/OWNER/NAME")
    if host == "docker.io":
        host = DOCKER_HUB
    return Repository(f"{OCI_SCHEMES[scheme.lower()]}://{host}", name)


def spec_tag(name: str, version: str, spec_hash: str) -> str:
    """Return the tag of a spec's image, of at most 128 characters that tags allow.

    >>> spec_tag("gmake", "git.main=4.4", "kkqnlog5wnmtijcdk3fjg5m4mv66cbdi")
    'gmake-git.main_4.4-kkqnlog5wnmtijcdk3fjg5m4mv66cbdi.spack'
    """
    tag = re.sub(r"[^\w.-]", "_", f"{name}-{version}-{spec_hash}{SPEC_SUFFIX}")
    half = MAX_TAG_LENGTH // 2
    return tag if len(tag) <= MAX_TAG_LENGTH else tag[:half] + tag[-half:]


def read_image(file: Path) -> Image:
    """Read an image's manifest, and check the digests and sizes of its layers.

    Raises
    ------
    DamagedError
        It is truncated.
    UnexpectedError
        It is not an image manifest.
    """
    text = file.read_bytes()
    try:
        image = msgspec.json.decode(text, type=Image)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json("the manifest of an OCI image", text[:40], error) from error
    if not image.layers:
        raise UnexpectedError("expected the manifest of an OCI image, found one without layers")
    for layer in image.layers:
        algorithm, _, checksum = layer.digest.partition(":")
        if algorithm != "sha256" or not CHECKSUM.fullmatch(checksum) or layer.size < 0:
            raise UnexpectedError(
                "expected layers with a sha256 digest and a size, "
                f"found {layer.digest[:80]!r} of {layer.size} bytes"
            )
    return image


def read_tags(file: Path) -> TagList:
    """Read a registry's list of the tags in a repository."""
    text = file.read_bytes()
    try:
        return msgspec.json.decode(text, type=TagList)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json("a list of tags", text[:40], error) from error


def has_spec_tags(file: Path) -> bool:
    """Return whether any of a repository's tags is of a spec's image."""
    return any(tag.endswith(SPEC_SUFFIX) and tag != INDEX_TAG for tag in read_tags(file).tags or ())


IMAGE_FILE = Expected(MAX_MANIFEST_BYTES, read_image)
TAGS_FILE = Expected(MAX_MANIFEST_BYTES, read_tags)


def layer_blob(layer: Descriptor) -> Blob:
    """Return a layer as a blob of layout 3 before its content is known."""
    return blob_of(layer, "application/octet-stream", "none")


def blob_of(layer: Descriptor, media_type: str, compression: str) -> Blob:
    """Return a layer as a blob of layout 3."""
    return Blob(layer.size, media_type, layer.digest.partition(":")[2], "sha256", compression)


def examine_index(file: Path, layer: Descriptor) -> Blob:
    """Return the index in a layer as a blob of layout 3, by its bytes, not its media type.

    Raises
    ------
    UnexpectedError
        It is not an index.
    """
    with file.open("rb") as stream:
        is_packed = stream.read(2) == GZIP_START
    version = check_gzip_index(file) if is_packed else check_index(file)
    return blob_of(
        layer, f"application/vnd.spack.db.v{version}+json", "gzip" if is_packed else "none"
    )


def binary_of(image: Image) -> Blob:
    """Return the binary of a spec, the last layer of its image, as a blob of layout 3."""
    return blob_of(image.layers[-1], INSTALL_MEDIA_TYPE, "gzip")


def write_manifest(file: Path, blob: Blob) -> None:
    """Write a manifest of layout 3 that names one blob."""
    text = msgspec.json.encode({"version": 3, "data": [blob]})
    file.write_bytes(msgspec.json.format(text, indent=1))
