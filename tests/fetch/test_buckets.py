"""Buckets through their own APIs: S3 on moto's server, the others by their clients' requests."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from tests.conftest import run_command
from tests.fetch.commands import run_fetch, tree
from tests.fetch.registries import answers
from tests.fetch.serving import LAYOUT_2, LAYOUT_3, LIST, Site, cut_off, serve, stall, status
from tests.fetch.test_fetch import index
from tests.writing import SAMPLE

HEP = SAMPLE.parent / "mirror-v3" / "develop-2026-06-28" / "hep"
KEYS = {"AWS_ACCESS_KEY_ID": "ours", "AWS_SECRET_ACCESS_KEY": "sekret"}
NO_KEYS = dict.fromkeys(("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"), "")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an S3 server; return its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("wb")
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", f"-p{port}"]
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            while not answers(f"127.0.0.1:{port}"):
                assert process.poll() is None
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def make_bucket(endpoint: str, name: str) -> S3Store:
    """Create a bucket; by default, moto has buckets only for its own client."""
    import http.client

    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
    connection.request("PUT", f"/{name}")
    assert connection.getresponse().status == 200
    connection.close()
    return S3Store(
        name,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id="ours",
        secret_access_key="sekret",
        client_options={"allow_http": True},
    )


def upload(store: S3Store, folder: Path, prefix: str) -> None:
    """Upload the files of a folder to a bucket."""
    for file in folder.rglob("*"):
        if file.is_file():
            key = f"{prefix}/{file.relative_to(folder).as_posix()}".lstrip("/")
            obstore.put(store, key, file.read_bytes())


def fetch(url: str, to: Path, *options: object, **environment: str) -> tuple[int, str]:
    """Fetch from a bucket without retries, with keys in the environment by default."""
    return run_fetch(
        *(url, "--to", to, "--retries", 0, "--timeout", 5, *options),
        environment=KEYS | NO_KEYS | environment,
    )


def test_a_mirror_in_a_bucket(endpoint: str, tmp_path: Path) -> None:
    """A mirror pushed by Spack is fetched with sizes; the next run fetches only what changed."""
    store = make_bucket(endpoint, "ours")
    upload(store, HEP, "spack/hep")
    options = ("--endpoint-url", endpoint, "--sizes")

    code, said = fetch("s3://ours/spack/hep", tmp_path / "to", *options)

    assert code == 0, said
    files = {name for name in tree(tmp_path / "to") if not name.endswith("layout.json")}
    assert files == {
        file.relative_to(HEP).as_posix()
        for file in HEP.rglob("*")
        if file.is_file() and file.name != "layout.json"
    }
    result = run_command("flatten", tmp_path / "to", "--tag", "t", "--out", tmp_path / "out")
    assert "24 specs in 1 snapshot" in result.stderr

    again = fetch("s3://ours/spack/hep/", tmp_path / "to", *options)
    assert again == (0, f"{tmp_path / 'to'}: 1 index, 0 new or changed (0.0 MB)\n")


def test_a_list_in_a_bucket(endpoint: str, tmp_path: Path) -> None:
    """URLs in a list are followed in their own bucket; others need --allow-host."""
    store = make_bucket(endpoint, "listed")
    other = make_bucket(endpoint, "other")
    obstore.put(store, f"a/{LAYOUT_2}", index("a"))
    obstore.put(other, f"b/{LAYOUT_2}", index("b"))
    listed = {
        "develop": [
            {"label": "a", "url": f"s3://listed/a/{LAYOUT_2}"},
            {"label": "b", "url": f"s3://other/b/{LAYOUT_2}"},
        ]
    }
    obstore.put(store, LIST, json.dumps(listed).encode())
    own = {"AWS_ENDPOINT_URL": endpoint}

    code, said = fetch("s3://listed", tmp_path / "1", **own)
    allowed, _ = fetch("s3://listed", tmp_path / "2", "--allow-host", "other", **own)

    assert (code, allowed) == (1, 0)
    assert "allow it with --allow-host other, or name with --s3-host what serves it" in said
    assert set(tree(tmp_path / "1")) == {LIST, f"develop/a/{LAYOUT_2}"}
    assert set(tree(tmp_path / "2")) == {LIST, f"develop/a/{LAYOUT_2}", f"develop/b/{LAYOUT_2}"}


def test_views_in_a_bucket_are_found(endpoint: str, tmp_path: Path) -> None:
    """A bucket can be listed, so views of an index are found without --view."""
    store = make_bucket(endpoint, "viewed")
    upload(store, HEP, "")
    view = "v3/manifests/index/gpu/index.manifest.json"
    obstore.put(store, view, (HEP / LAYOUT_3).read_bytes())

    code, said = fetch("s3://viewed", tmp_path, "--endpoint-url", endpoint)

    assert code == 0, said
    assert {LAYOUT_3, view} < set(tree(tmp_path))


@pytest.mark.parametrize("files", ["v3/manifests/spec/zlib/x.json", "build_cache/linux-u/x.json"])
def test_a_bucket_without_an_index(endpoint: str, tmp_path: Path, files: str) -> None:
    """If there are specs but no index, the message says what to run."""
    name = f"bare-{files.split('/')[0].replace('_', '-')}"
    obstore.put(make_bucket(endpoint, name), f"m/{files}", b"{}")

    code, said = fetch(f"s3://{name}/m", tmp_path, "--endpoint-url", endpoint)

    assert code == 1
    assert said == (
        f"error: s3://{name}/m: the cache has specs but no index; "
        f"have its owner run: spack buildcache update-index s3://{name}/m\n"
    )


def test_a_bucket_that_is_not_there(endpoint: str, tmp_path: Path) -> None:
    """Exit 1 with each URL that was requested."""
    code, said = fetch("s3://nobodys/m", tmp_path, "--endpoint-url", endpoint)

    assert code == 1
    assert f"s3://nobodys/m/{LAYOUT_3}: HTTP 404 Not Found; check the URL" in said


@pytest.fixture
def store_site() -> Iterator[Site]:
    """Return an object store with one mirror of layout 2, readable by any protocol."""
    with serve() as site:
        site.files[f"bucket/m/{LAYOUT_2}"] = index("good")
        yield site


def authorizations(site: Site) -> set[str]:
    """Return the kinds of credentials in the requests to a site."""
    return {asked.headers.get("authorization", "none").split("/")[0] for asked in site.asked}


def test_keys_come_from_options_environment_and_profile(store_site: Site, tmp_path: Path) -> None:
    """In this order: --anonymous, the environment, the profile, none."""
    aws = tmp_path / ".aws"
    aws.mkdir()
    (aws / "credentials").write_text(
        "[default]\naws_access_key_id = FROMDEFAULT\naws_secret_access_key = sekret\n"
        "[ours]\naws_access_key_id = FROMPROFILE\naws_secret_access_key = sekret\n"
    )
    (aws / "config").write_text(f"[profile ours]\nendpoint_url = {store_site.url}\n")
    home = {"HOME": str(tmp_path)}
    endpoint = ("--endpoint-url", store_site.url)
    unset = {"AWS_ACCESS_KEY_ID": ""}
    url = f"s3://bucket/m/{LAYOUT_2}"

    found: list[set[str]] = []
    for options, environment in (
        ((*endpoint, "--anonymous"), home),
        ((), home | unset | {"AWS_PROFILE": "ours"}),
        (endpoint, home),
        (endpoint, home | unset),
        (endpoint, unset),
    ):
        code, said = fetch(url, tmp_path / str(len(found)), *options, **environment)
        assert (code, "sekret" in said) == (0, False), said
        found.append(authorizations(store_site))
        store_site.asked.clear()

    scheme = "AWS4-HMAC-SHA256 Credential="
    names = ("none", "FROMPROFILE", "ours", "FROMDEFAULT", "none")
    assert found == [{name if name == "none" else scheme + name} for name in names]


def test_an_unknown_profile_is_reported(tmp_path: Path) -> None:
    """Exit 1 with the files that were searched."""
    code, said = fetch("s3://bucket/m", tmp_path, AWS_PROFILE="nobody", HOME=str(tmp_path))

    assert code == 1
    assert said.startswith("error: no AWS profile 'nobody' in ")


@pytest.mark.parametrize(
    ("scheme", "path", "environment"),
    [
        ("gs", "bucket/m%2Fbuild%5Fcache%2Findex%2Ejson", {}),
        ("az", f"bucket/m/{LAYOUT_2}", {"AZURE_STORAGE_ACCOUNT_NAME": "account"}),
    ],
)
def test_other_clouds_by_their_endpoints(
    store_site: Site, tmp_path: Path, scheme: str, path: str, environment: dict[str, str]
) -> None:
    """Google's and Azure's buckets are read unsigned without credentials in the environment."""
    when = "Sun, 30 Mar 2025 04:00:00 GMT"
    store_site.answers[path] = [status(200, index("good"), Last_Modified=when, ETag='"x"')]
    url = f"{scheme}://bucket/m/{LAYOUT_2}"

    code, said = fetch(url, tmp_path, "--endpoint-url", store_site.url, **environment)

    assert code == 0, (said, store_site.asked)
    assert tree(tmp_path) == {LAYOUT_2: index("good")}
    assert authorizations(store_site) == {"none"}


def test_azure_needs_an_account(tmp_path: Path) -> None:
    """Exit 1 with the variable to set."""
    code, said = fetch("az://bucket/m", tmp_path)

    assert code == 1
    assert said == (
        "error: az://: the storage account is not known; set AZURE_STORAGE_ACCOUNT_NAME\n"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(500), "HTTP 500 Internal Server Error in one attempt; try again later"),
        (status(429), "HTTP 429 Too Many Requests"),
        (status(403, b"<Error><Code>AccessDenied</Code><K>sekret</K></Error>"), "HTTP 403 Access"),
        (status(401), "HTTP 401"),
        (stall, "nothing arrived in time in one attempt"),
        (cut_off, "in one attempt; check the bucket, endpoint, region and network"),
        (status(200, b'{"message": "none"}'), "Object missing required field `database`"),
    ],
    ids=["500", "429", "403", "401", "stall", "cut off", "no index"],
)
def test_failures_are_reported(store_site: Site, tmp_path: Path, answer: Any, words: str) -> None:
    """Exit 1 with the object's URL and the problem; the previous index is kept."""
    url, endpoint = f"s3://bucket/m/{LAYOUT_2}", ("--endpoint-url", store_site.url)
    fetch(url, tmp_path, *endpoint)
    store_site.files[f"bucket/m/{LAYOUT_2}"] = index("newer")
    store_site.answers[f"bucket/m/{LAYOUT_2}"] = [answer] * 3

    code, said = fetch(url, tmp_path, *endpoint, "--timeout", "1")

    assert code == 1
    assert said.startswith(f"error: {url}: ")
    assert words in said, said
    assert "sekret" not in said
    assert tree(tmp_path) == {LAYOUT_2: index("good")}


def test_without_the_extra_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 1 with the name of the extra, and the alternative over HTTP."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)

    code, said = fetch("s3://bucket/m", tmp_path)

    assert code == 1
    assert "pip install 'cache-coverage[buckets]', or name with --s3-host" in said
