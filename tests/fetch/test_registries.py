"""Build caches in OCI registries: one that Spack pushed to a real registry, and broken ones."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.conftest import run_command
from tests.fetch.commands import run_fetch, tree
from tests.fetch.registries import NAME, PUSHED, Storage, push_cache, serve_registry
from tests.fetch.serving import LAYOUT_3, Answer, Handler, Site, send_file, serve, status
from tests.writing import SAMPLE

HEP = SAMPLE.parent / "mirror-v3"
TAG = "develop-2026-06-28"
INDEX = (PUSHED / "index.json").read_bytes()
MANIFEST = f"v2/{NAME}/manifests/index.spack"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Return the storage of a registry with 24 specs."""
    return push_cache(tmp_path / "registry")


@pytest.fixture
def registry(storage: Storage, tmp_path: Path) -> Iterator[str]:
    """Return the HOST:PORT of a public registry."""
    with serve_registry(tmp_path / "registry") as host:
        yield host


def fetch(host: str, to: Path, *options: object, **environment: str) -> tuple[int, str]:
    """Fetch the cache in a registry; return the exit status and messages."""
    url = f"oci+http://{host}/{NAME}"
    return run_fetch(url, "--to", to, "--retries", 0, *options, environment=environment)


def read_table(out: Path, name: str) -> pl.DataFrame:
    """Read a table without the columns that depend on the source."""
    frame = pl.read_parquet(out / "tables" / name, hive_partitioning=True)
    return frame.drop("page", strict=False).sort(frame.drop("page", strict=False).columns[:3])


def test_a_registry_gives_the_rows_of_a_mirror(registry: str, tmp_path: Path) -> None:
    """The 24 specs are the same, in all columns, as in a mirror of the same Spack."""
    assert fetch(registry, tmp_path / "to") == (
        0,
        f"{tmp_path / 'to'}: 1 index, 1 new or changed (0.1 MB)\n",
    )
    placed = ("--tag", TAG, "--stack", "hep")
    assert run_command("flatten", tmp_path / "to", *placed, "--out", tmp_path / "a").returncode == 0
    assert run_command("flatten", HEP, "--out", tmp_path / "b").returncode == 0

    for table, count in (("spec_stacks", 24), ("dependencies", None), ("spec_compilers", None)):
        ours, expected = (read_table(tmp_path / out, table) for out in ("a", "b"))
        assert_frame_equal(ours, expected)
        assert count in (None, expected.height)
    assert read_table(tmp_path / "a", "spec_stacks")["size_bytes"].null_count() == 0


def test_a_second_run_downloads_nothing(registry: str, storage: Storage, tmp_path: Path) -> None:
    """Unchanged digests are not sent again; a new index replaces the old blob."""
    to = tmp_path / "to"
    fetch(registry, to)
    before = tree(to)

    assert fetch(registry, to) == (0, f"{to}: 1 index, 0 new or changed (0.0 MB)\n")
    assert tree(to) == before

    put_index(storage, INDEX.replace(b"berkeley-db", b"berkeley-dc"))
    assert "1 new or changed" in fetch(registry, to)[1]
    assert len(list((to / "blobs").rglob("*/*/*"))) == 1


def put_index(storage: Storage, content: bytes, **changes: object) -> None:
    """Put an index into a registry, as Spack does, with `changes` to its layer."""
    layer = {"digest": storage.put_layer(content), "size": len(content)} | changes
    media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    image = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": storage.put_layer(b"{}"),
            "size": 2,
        },
        "layers": [{"mediaType": media_type, **layer}],
    }
    storage.put_manifest("index.spack", json.dumps(image).encode())


def test_the_bytes_tell_what_the_index_is(registry: str, storage: Storage, tmp_path: Path) -> None:
    """A compressed index is read too, whatever its media type; sizes are optional."""
    put_index(storage, gzip.compress(INDEX))

    code, said = fetch(registry, tmp_path / "to", "--no-sizes")
    result = run_command("flatten", tmp_path / "to", "--tag", TAG, "--out", tmp_path / "out")

    assert (code, result.returncode) == (0, 0), said
    assert "24 specs in 1 snapshot" in result.stderr
    (blob,) = json.loads((tmp_path / "to" / LAYOUT_3).read_text())["data"]
    assert (blob["compression"], blob["mediaType"][-8:]) == ("gzip", ".v8+json"), blob


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        (b'{"message": "none"}', {}, "Object missing required field `database`"),
        (b"no index", {}, "found 'no index'"),
        (INDEX[:-5], {}, "truncated"),
        (INDEX, {"size": 100}, "larger than the 100 bytes expected"),
        (INDEX, {"size": len(INDEX) + 1}, "were announced"),
        (INDEX, {"size": 10**13}, "announced as 10,000,000,000,000 bytes"),
        (INDEX, {"digest": "sha256:../../x"}, "expected layers with a sha256 digest"),
        (INDEX, {"digest": f"sha256:{'0' * 64}"}, "HTTP 404 Not Found"),
        (INDEX.replace(b'"8"', b'"99"', 1), {}, "names no index of version 6 to 9"),
    ],
)
def test_an_invalid_index(
    registry: str,
    storage: Storage,
    tmp_path: Path,
    content: bytes,
    changes: dict[str, object],
    words: str,
) -> None:
    """Exit 1 with the problem, and the previous index is kept."""
    fetch(registry, tmp_path / "to")
    before = tree(tmp_path / "to")
    put_index(storage, content, **changes)

    code, said = fetch(registry, tmp_path / "to")

    assert (code, words in said) == (1, True), said
    assert tree(tmp_path / "to") == before


def test_a_registry_without_an_index(registry: str, storage: Storage, tmp_path: Path) -> None:
    """If specs were pushed without an index, the message says what to run."""
    storage.remove_tag("index.spack")

    code, said = fetch(registry, tmp_path / "to")

    url = f"oci+http://{registry}/{NAME}"
    assert (code, said) == (
        1,
        f"error: {url}: the cache has specs but no index; "
        f"have its owner run: spack buildcache update-index {url}\n",
    )


def test_a_repository_that_is_not_there(registry: str, tmp_path: Path) -> None:
    """Exit 1 with the requested URL."""
    url = f"oci+http://{registry}/nowhere"

    code, said = run_fetch(url, "--to", tmp_path / "to")

    assert code == 1
    assert said.startswith(
        f"error: http://{registry}/v2/nowhere/manifests/index.spack: HTTP 404 Not Found"
    )


def test_a_spec_without_an_image_has_no_size(
    registry: str, storage: Storage, tmp_path: Path
) -> None:
    """A warning counts them, and the others have sizes."""
    storage.remove_tag("gmake-4.4.1-kkqnlog5wnmtijcdk3fjg5m4mv66cbdi.spack")

    code, said = fetch(registry, tmp_path / "to")

    assert code == 0
    assert "warning: oci+http://" in said
    assert "1 of 24 specs have no manifest; their sizes stay unknown" in said
    assert len(list((tmp_path / "to" / "v3" / "manifests" / "spec").rglob("*.json"))) == 23


@pytest.mark.parametrize("way", ["url", "environment", "docker", "content", "helper", "podman"])
def test_a_private_registry_takes_a_login(
    storage: Storage, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logins come from all the places that container tools use, and are stored nowhere."""
    with serve_registry(tmp_path / "registry", is_private=True) as host:
        login = base64.b64encode(b"me:sekret").decode()
        config = json.dumps({"auths": {host: {"auth": login}}})
        environment = {}
        folder = tmp_path / "own"
        folder.mkdir()
        match way:
            case "environment":
                environment = {"CACHE_COVERAGE_USER": "me", "CACHE_COVERAGE_PASSWORD": "sekret"}
            case "docker":
                (folder / "config.json").write_text(config)
                environment = {"DOCKER_CONFIG": str(folder)}
            case "content":
                environment = {"DOCKER_AUTH_CONFIG": config}
            case "podman":
                (folder / "auth.json").write_text(config)
                environment = {"REGISTRY_AUTH_FILE": str(folder / "auth.json")}
            case "helper":
                (folder / "config.json").write_text(json.dumps({"credHelpers": {host: "test"}}))
                helper = folder / "docker-credential-test"
                answer = '{"Username": "me", "Secret": "sekret"}'
                helper.write_text(f"#!/bin/sh\ngrep -q {host} && echo '{answer}'\n")
                helper.chmod(0o755)
                monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
                environment = {"DOCKER_CONFIG": str(folder)}
        user = "me:sekret@" if way == "url" else ""
        to = tmp_path / "to"

        code, said = fetch(f"{user}{host}", to, "--no-sizes", **environment)
        refused, why = fetch(host, tmp_path / "refused")

    assert (code, refused) == (0, 1), said
    assert "HTTP 401 Unauthorized; a private cache takes a login from" in why
    assert "sekret" not in said + why
    for file in to.rglob("*"):
        assert file.is_dir() or b"sekret" not in file.read_bytes()


def ask_for_token(realm: str, scope: str = f"repository:{NAME}:pull") -> Answer:
    """Respond without the token `good` as registries with a token service do."""

    def answer(handler: Handler) -> None:
        if handler.headers["Authorization"] == "Bearer good":
            send_file(handler)
        else:
            challenge = f'Bearer realm="{realm}",service="ours",scope="{scope}"'
            handler.send(401, WWW_Authenticate=challenge)

    return answer


@pytest.fixture
def front() -> Iterator[Site]:
    """Return a registry in which each file needs a token."""
    with serve() as site:
        digest = hashlib.sha256(INDEX).hexdigest()
        image = {"layers": [{"digest": f"sha256:{digest}", "size": len(INDEX)}]}
        site.files[MANIFEST] = json.dumps(image).encode()
        site.files[f"v2/{NAME}/blobs/sha256:{digest}"] = INDEX
        for path in list(site.files):
            site.answers[path] = [ask_for_token(f"{site.url}/token")] * 9
        yield site


@pytest.mark.parametrize("user", ["", "me:sekret@"])
@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_is_requested_where_the_registry_says(
    front: Site, tmp_path: Path, user: str, key: str
) -> None:
    """Anonymously or with a login, one token is requested, for this repository only."""
    path = "token?service=ours&scope=repository%3Aours%2Fcache%3Apull"
    front.files[path] = json.dumps({key: "good"}).encode()
    host = front.url.removeprefix("http://")

    code, said = fetch(f"{user}{host}", tmp_path, "--no-sizes")

    assert (code, "sekret" in said) == (0, False), said
    assert [asked.path for asked in front.asked].count(path) == 1
    (token_request,) = (asked for asked in front.asked if asked.path == path)
    assert ("Authorization" in token_request.headers) is bool(user)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(401), "HTTP 401 Unauthorized; a private cache takes a login"),
        (status(200, b"{"), "the registry's token service sent no token"),
        (status(200, b'{"token": "%s"}' % (b"x" * 2_000_000)), "token service sent too much"),
        (status(503), "HTTP 503 Service Unavailable"),
    ],
    ids=["refused", "no token", "too much", "overloaded"],
)
def test_a_token_service_without_a_token(
    front: Site, tmp_path: Path, answer: Answer, words: str
) -> None:
    """Exit 1 with the answer of the service."""
    path = "token?service=ours&scope=repository%3Aours%2Fcache%3Apull"
    front.answers[path] = [answer] * 3

    code, said = fetch(front.url.removeprefix("http://"), tmp_path)

    assert (code, words in said) == (1, True), said


def test_no_login_is_sent_to_a_token_service_in_plain_text(front: Site, tmp_path: Path) -> None:
    """A realm that is not a URL, or has another scheme, is not requested."""
    for realm in ("ftp://127.0.0.1/token", "token", ""):
        front.answers[MANIFEST] = [ask_for_token(realm)] * 2
        code, said = fetch(f"me:sekret@{front.url.removeprefix('http://')}", tmp_path / "to")
        assert (code, "sekret" in said) == (1, False)
        assert "names no usable token service" in said


def test_a_blob_elsewhere_gets_no_token(front: Site, tmp_path: Path) -> None:
    """Redirects to object stores are requested without the token."""
    path = "token?service=ours&scope=repository%3Aours%2Fcache%3Apull"
    front.files[path] = b'{"token": "good"}'
    (blob,) = (path for path in front.files if "/blobs/" in path)
    with serve() as store:
        store.files["object"] = INDEX
        front.answers[blob] = [status(307, Location=f"{store.url}/object?signature=s")]
        store.files["object?signature=s"] = INDEX

        code, said = fetch(front.url.removeprefix("http://"), tmp_path, "--no-sizes")

        assert code == 0, said
        assert [asked.headers.get("Authorization") for asked in store.asked] == [None]
