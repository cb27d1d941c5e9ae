"""Fetch from a cache on 127.0.0.1 with the command: requests, downloads and failures."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_command
from tests.fetch.commands import run_fetch, tree
from tests.fetch.serving import (
    LAYOUT_2,
    LAYOUT_3,
    LIST,
    Answer,
    Handler,
    Site,
    cut_off,
    cut_off_unannounced,
    hang_up,
    send_file,
    serve,
    stall,
    status,
)

TAG = "develop-2025-03-30"
E4S = f"{TAG}/e4s/{LAYOUT_2}"
RADIUSS = f"{TAG}/radiuss/{LAYOUT_2}"
ROOT = f"{TAG}/{LAYOUT_2}"
NO_INDEX = "expected an index of a build cache, {database: {version, installs}}"
ENVIRONMENT = os.environ | {"NO_PROXY": "*", "no_proxy": "*"}


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a cache with one snapshot of three stacks in layout 2."""
    with serve() as site:
        site.lists({TAG: [f"root/{LAYOUT_2}", f"e4s/{LAYOUT_2}", f"radiuss/{LAYOUT_2}"]})
        for path in (ROOT, E4S, RADIUSS):
            site.files[path] = index(path)
        yield site


def index(text: str) -> bytes:
    """Return an index that differs from others by a text."""
    return json.dumps({"database": {"version": "7", "installs": {}, "text": text}}).encode()


def fetch(site: Site, to: Path, *options: object, url: str | None = None) -> tuple[int, str]:
    """Run `cache-coverage fetch`; return its exit status and messages."""
    return run_fetch(url or site.url, "--to", to, "--s3-host", site.url, *options)


def test_a_cache_comes_as_it_is(site: Site, tmp_path: Path) -> None:
    """The tree is that of the cache: its list and all indexes, root's in the snapshot's folder."""
    assert fetch(site, tmp_path) == (
        0,
        f"{tmp_path}: 3 indexes of 1 snapshot, 3 new or changed (0.0 MB)\n",
    )
    assert tree(tmp_path) == site.files


def test_a_second_run_downloads_only_what_changed(site: Site, tmp_path: Path) -> None:
    """Each file is requested with its validator, and only the changed one is sent again."""
    fetch(site, tmp_path)
    site.statuses()
    site.files[E4S] = index("changed")

    code, said = fetch(site, tmp_path)

    assert (code, site.statuses()) == (
        0,
        {(LIST, 304): 1, (ROOT, 304): 1, (E4S, 200): 1, (RADIUSS, 304): 1},
    )
    assert "3 indexes of 1 snapshot, 1 new or changed" in said
    assert tree(tmp_path) == site.files


def test_last_modified_is_a_validator_too(site: Site, tmp_path: Path) -> None:
    """Without an ETag, the request has If-Modified-Since."""
    when = "Sun, 30 Mar 2025 04:00:00 GMT"
    site.answers[E4S] = [status(200, site.files[E4S], Last_Modified=when), status(304)]

    fetch(site, tmp_path)
    code, _ = fetch(site, tmp_path)

    assert code == 0
    *_, last = (asked for asked in site.asked if asked.path == E4S)
    assert (last.status, last.headers["If-Modified-Since"]) == (304, when)
    assert tree(tmp_path) == site.files


@pytest.mark.parametrize("harm", ["removed", "written"])
def test_a_file_modified_locally_is_downloaded_again(site: Site, tmp_path: Path, harm: str) -> None:
    """A validator is used only while the local file is unmodified."""
    fetch(site, tmp_path)
    file = tmp_path / E4S
    before = file.read_bytes()
    file.unlink()
    if harm == "written":
        file.write_bytes(b"x" * len(before))

    assert fetch(site, tmp_path)[0] == 0
    assert tree(tmp_path) == site.files


def test_layout_3_downloads_the_highest_known_version(site: Site, tmp_path: Path) -> None:
    """Of index versions 5, 8, 9 and 10, version 9 is downloaded, and the manifest as it is."""
    mirror = f"{TAG}/e4s/"
    versions = [(number, index(str(number))) for number in (8, 9, 10, 5)]
    paths = site.puts_layout_3(mirror, *versions)
    site.lists({TAG: [f"e4s/{LAYOUT_3}"]})

    assert fetch(site, tmp_path)[0] == 0
    assert tree(tmp_path) == {
        name: site.files[name] for name in (LIST, mirror + LAYOUT_3, paths[1])
    }


def test_a_list_may_name_the_blob(site: Site, tmp_path: Path) -> None:
    """From the URL of a blob, the mirror is derived, whose manifest names the current blob."""
    mirror = f"{TAG}/e4s/"
    old = site.puts_layout_3(mirror, (8, index("old")))[0]
    site.lists({TAG: [old.removeprefix(f"{TAG}/")]})
    new = site.puts_layout_3(mirror, (8, index("new")))[0]

    assert fetch(site, tmp_path)[0] == 0
    assert tree(tmp_path) == {name: site.files[name] for name in (LIST, mirror + LAYOUT_3, new)}


def test_a_blob_that_is_there_is_not_requested(site: Site, tmp_path: Path) -> None:
    """Blobs are content-addressed: a second run requests manifests; a new blob replaces the old."""
    old = site.puts_layout_3("mirror/", (8, index("old")))[0]
    url = f"{site.url}/mirror"
    fetch(site, tmp_path, url=url)
    site.statuses()

    fetch(site, tmp_path, url=url)
    assert site.statuses() == {
        (f"mirror/{LIST}", 404): 1,
        (f"mirror/{LAYOUT_3}", 304): 1,
        (f"mirror/{LAYOUT_2}", 404): 1,
    }

    new = site.puts_layout_3("mirror/", (8, index("new")))[0]
    fetch(site, tmp_path, url=url)

    assert site.statuses()[old, 200] == 0
    assert tree(tmp_path) == {
        name.removeprefix("mirror/"): site.files[name] for name in (f"mirror/{LAYOUT_3}", new)
    }
    assert not (tmp_path / old.removeprefix("mirror/")).parent.exists()


def test_gzip_blobs_are_kept_as_they_are(site: Site, tmp_path: Path) -> None:
    """A blob's checksum is of the compressed bytes, so it is stored compressed."""
    content = gzip.compress(index("packed"))
    (path,) = site.puts_layout_3("", (8, content), compression="gzip")
    site.answers[path] = [status(200, content, Content_Encoding="gzip")]
    del site.files[LIST]

    assert fetch(site, tmp_path)[0] == 0
    assert tree(tmp_path)[path] == content


def test_an_index_may_come_packed(site: Site, tmp_path: Path) -> None:
    """An index of layout 2 sent with Content-Encoding gzip is stored decompressed."""
    packed = gzip.compress(site.files[E4S])
    site.answers[E4S] = [status(200, packed, Content_Encoding="gzip")]

    assert fetch(site, tmp_path)[0] == 0
    assert tree(tmp_path) == site.files


@pytest.mark.parametrize("path", ["", f"/{LAYOUT_2}", "/"])
def test_a_single_mirror_is_the_tree_itself(site: Site, tmp_path: Path, path: str) -> None:
    """A private mirror has no list: its index goes to the tree's own folder."""
    code, said = fetch(site, tmp_path, url=f"{site.url}/{TAG}/e4s{path}")

    assert (code, said) == (0, f"{tmp_path}: 1 index, 1 new or changed (0.0 MB)\n")
    assert tree(tmp_path) == {LAYOUT_2: site.files[E4S]}


def test_both_layouts_of_a_mirror_are_downloaded(site: Site, tmp_path: Path) -> None:
    """If a mirror has both layouts, because Spack 1.0 continued it, both are downloaded."""
    url = f"{site.url}/{TAG}/e4s"
    fetch(site, tmp_path, url=url)
    (blob,) = site.puts_layout_3(f"{TAG}/e4s/", (8, index("new")))

    assert fetch(site, tmp_path, url=url)[0] == 0
    assert set(tree(tmp_path)) == {LAYOUT_2, LAYOUT_3, blob.removeprefix(f"{TAG}/e4s/")}


def test_a_dropped_layout_is_removed(site: Site, tmp_path: Path) -> None:
    """A layout that the mirror no longer has is removed once the other is downloaded."""
    url = f"{site.url}/{TAG}/e4s"
    fetch(site, tmp_path, url=url)
    (blob,) = site.puts_layout_3(f"{TAG}/e4s/", (8, index("new")))
    del site.files[E4S]

    assert fetch(site, tmp_path, url=url)[0] == 0
    assert set(tree(tmp_path)) == {LAYOUT_3, blob.removeprefix(f"{TAG}/e4s/")}


def test_s3_may_hide_what_is_not_there(site: Site, tmp_path: Path) -> None:
    """A private bucket returns 403 for a missing list or layout."""
    for path in (LIST, LAYOUT_3):
        site.answers[f"{TAG}/e4s/{path}"] = [status(403)]

    assert fetch(site, tmp_path, url=f"s3://bucket/{TAG}/e4s")[0] == 0
    assert tree(tmp_path) == {LAYOUT_2: site.files[E4S]}


def test_no_cache_at_an_address(site: Site, tmp_path: Path) -> None:
    """Exit 1 with each URL that was tried."""
    code, said = fetch(site, tmp_path, url=f"{site.url}/nowhere")

    assert code == 1
    assert said.startswith(f"error: {site.url}/nowhere: no {LIST} and no index there:")
    for path in (LAYOUT_2, LAYOUT_3):
        assert f"  {site.url}/nowhere/{path}: HTTP 404" in said


def test_tags_and_stacks_choose(site: Site, tmp_path: Path) -> None:
    """Only selected stacks are requested; the list is kept in full."""
    site.lists({TAG: [f"e4s/{LAYOUT_2}", f"root/{LAYOUT_2}"], "develop": [f"e4s/{LAYOUT_2}"]})

    assert fetch(site, tmp_path, "--tag", TAG, "--stack", "root", "--stack", "e4s")[0] == 0
    assert set(tree(tmp_path)) == {LIST, ROOT, E4S}
    assert site.statuses() == {(LIST, 200): 1, (ROOT, 200): 1, (E4S, 200): 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tag", "develop"], f"no snapshot 'develop' in the list: did you mean {TAG}?"),
        (["--stack", "radius"], "no stack 'radius' in the list: did you mean radiuss?"),
        (
            ["--tag", TAG, "--stack", "ml"],
            f"no stack 'ml' in {TAG}: there are e4s, radiuss, root",
        ),
    ],
)
def test_an_unknown_name_is_refused(
    site: Site, tmp_path: Path, options: list[str], words: str
) -> None:
    """Exit 1 with the closest names, and no index is requested."""
    assert fetch(site, tmp_path, *options) == (1, f"error: {words}\n")
    assert site.statuses() == {(LIST, 200): 1}


def test_a_single_mirror_has_nothing_to_choose_from(site: Site, tmp_path: Path) -> None:
    """Exit 1 for --tag without a list."""
    code, said = fetch(site, tmp_path, "--tag", TAG, url=f"{site.url}/{TAG}")

    assert code == 1
    assert "--tag and --stack have nothing to choose from" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        status(503),
        status(500),
        status(429, Retry_After="0"),
        cut_off,
        cut_off_unannounced,
        stall,
        hang_up,
        status(200, b"no gzip", Content_Encoding="gzip"),
    ],
    ids=["503", "500", "429", "cut off", "cut off unannounced", "stall", "hang up", "bad gzip"],
)
def test_transient_failures_are_retried(site: Site, tmp_path: Path, answer: Answer) -> None:
    """After a transient failure, the next response is used, and the index is complete."""
    site.answers[E4S] = [answer]

    assert fetch(site, tmp_path, "--timeout", "0.5") == (
        0,
        f"{tmp_path}: 3 indexes of 1 snapshot, 3 new or changed (0.0 MB)\n",
    )
    assert tree(tmp_path) == site.files
    assert site.answers[E4S] == []


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["wrong", "short"])
def test_a_damaged_blob_is_retried(site: Site, tmp_path: Path, answer: str) -> None:
    """A blob with another checksum or length than in its manifest is not accepted."""
    (path,) = site.puts_layout_3("mirror/", (8, index("good")))
    content = site.files[path]
    site.answers[path] = [
        status(200, content[:-2] if answer == "short" else content.replace(b"good", b"evil"))
    ]

    assert fetch(site, tmp_path, url=f"{site.url}/mirror")[0] == 0
    assert tree(tmp_path)[path.removeprefix("mirror/")] == content


@pytest.mark.slow
def test_retry_after_is_respected(site: Site, tmp_path: Path) -> None:
    """After a response with Retry-After, the next request waits that many seconds."""
    times = []

    def refuse(handler: Handler) -> None:
        times.append(time.monotonic())
        handler.send(503, Retry_After="2")

    def give(handler: Handler) -> None:
        times.append(time.monotonic())
        send_file(handler)

    site.answers[E4S] = [refuse, give]

    assert fetch(site, tmp_path)[0] == 0
    assert times[1] - times[0] >= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "found", "attempts"),
    [
        (status(503), "HTTP 503 Service Unavailable in 2 attempts; try again later", 2),
        (stall, "nothing arrived for 0.5 s in 2 attempts; try again later, or raise --timeout", 2),
        (cut_off_unannounced, "truncated (in 2 attempts)", 2),
        (cut_off, "the connection broke off (peer closed connection", 2),
        (
            status(403),
            "HTTP 403 Forbidden; a private cache takes a login from ",
            1,
        ),
        (status(418), "HTTP 418 I'm a Teapot; check the URL", 1),
        (status(200, b"<html>Log in</html>"), f"{NO_INDEX}, found '<html>Log in", 1),
        (status(200), f"{NO_INDEX}, found ''", 1),
        (status(302, Location="file:///etc/passwd"), "redirects to a file: URL", 1),
    ],
    ids=["503", "stall", "short", "cut off", "403", "418", "html", "empty", "file"],
)
def test_failures_are_reported_and_the_rest_is_kept(
    site: Site, tmp_path: Path, answer: Answer, found: str, attempts: int
) -> None:
    """Exit 1 with the URL and the problem; the previous index and those of others are kept."""
    fetch(site, tmp_path)
    before = site.files[E4S]
    site.files[E4S], site.files[RADIUSS] = index("newer"), index("newer, too")
    site.answers[E4S] = [answer] * 5

    code, said = fetch(site, tmp_path, "--retries", "1", "--timeout", "0.5")

    assert code == 1
    assert "error: 1 of 3 indexes could not be downloaded:\n" in said
    assert f"\n  {site.url}/{E4S}: {found}" in said
    assert f"(for s3://bucket/{E4S}, see --s3-host)" in said
    assert tree(tmp_path) == site.files | {E4S: before}
    assert len(site.answers[E4S]) == 5 - attempts


def test_many_failures_are_counted(site: Site, tmp_path: Path) -> None:
    """Ten are listed, the others counted."""
    stacks = [f"s{number}/{LAYOUT_2}" for number in range(12)]
    site.lists({"develop": stacks})
    for path in stacks:
        site.answers[f"develop/{path}"] = [status(400)]

    code, said = fetch(site, tmp_path)

    assert code == 1
    assert said.startswith("error: 12 of 12 indexes could not be downloaded:\n")
    assert said.count("HTTP 400") == 10
    assert said.endswith("\n  and 2 more\n")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compression": "zstd"}, "compression 'zstd' is unknown; expected none or gzip"),
        ({"checksumAlgorithm": "md5"}, "checksum 'md5' "),
        ({"checksum": "../../../../etc/passwd"}, "checksum 'sha256' '../../../../etc/passwd' is"),
        ({"mediaType": "application/vnd.spack.db.v10+json"}, "no index of version 6 to 9, but "),
        (
            {"contentLength": "many"},
            "found something else (Expected `int`, got `str`",
        ),
        ({"contentLength": 7}, "larger than the 7 bytes expected"),
        ({"checksum": "0" * 64}, "its sha256 is "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_manifest_that_cannot_be_followed(
    site: Site, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    """Exit 1 with the problem; neither the manifest nor a blob is kept."""
    (path,) = site.puts_layout_3("mirror/", (8, index("good")), **changes)
    site.files[f"mirror/blobs/sha256/00/{'0' * 64}"] = site.files[path]

    code, said = fetch(site, tmp_path, "--retries", "0", url=f"{site.url}/mirror")

    assert code == 1
    assert said.startswith(f"error: {site.url}/mirror/")
    assert words in said
    assert tree(tmp_path) == {}


def test_a_blob_that_is_not_there(site: Site, tmp_path: Path) -> None:
    """A manifest whose blob is missing is an error, not a missing mirror."""
    (path,) = site.puts_layout_3("mirror/", (8, index("gone")))
    del site.files[path]

    code, said = fetch(site, tmp_path, url=f"{site.url}/mirror")

    assert code == 1
    assert f"{site.url}/{path}: HTTP 404" in said
    assert f"{site.url}/mirror/{LAYOUT_3} names it: fetch again" in said
    assert tree(tmp_path) == {}


def test_a_missing_stack_is_a_warning(site: Site, tmp_path: Path) -> None:
    """A stack that is listed but missing is a warning, and its local index is removed."""
    fetch(site, tmp_path)
    del site.files[E4S]

    code, said = fetch(site, tmp_path)

    assert code == 0
    first, second, last = said.splitlines()
    assert first.startswith(
        f"warning: {TAG}/e4s: listed, but not there: {site.url}/{E4S}: HTTP 404"
    )
    assert second == f"warning: {TAG}/e4s: no longer in the cache, its index here is removed"
    assert last.startswith(f"{tmp_path}: 2 indexes of 1 snapshot, 0 new or changed")
    assert tree(tmp_path) == site.files


def test_where_all_is_missing_nothing_is_removed(site: Site, tmp_path: Path) -> None:
    """If all stacks are missing, as with a wrong --s3-host, exit 1; local files are kept."""
    fetch(site, tmp_path)
    before = tree(tmp_path)

    code, said = fetch(site, tmp_path, "--s3-host", f"{site.url}/wrong")

    assert code == 1
    assert "error: 3 of 3 indexes could not be downloaded:\n" in said
    assert tree(tmp_path) == before


def test_a_snapshot_follows_the_list(site: Site, tmp_path: Path) -> None:
    """A stack that its snapshot no longer lists is removed; a snapshot no longer listed is kept."""
    site.lists({"v1": [f"e4s/{LAYOUT_2}", f"ml/{LAYOUT_2}"], "v2": [f"e4s/{LAYOUT_2}"]})
    for path in (f"v1/e4s/{LAYOUT_2}", f"v1/ml/{LAYOUT_2}", f"v2/e4s/{LAYOUT_2}"):
        site.files[path] = index(path)
    fetch(site, tmp_path)
    site.lists({"v1": [f"e4s/{LAYOUT_2}"]})

    assert fetch(site, tmp_path, "--stack", "e4s")[0] == 0
    assert (tmp_path / f"v1/ml/{LAYOUT_2}").exists()

    code, said = fetch(site, tmp_path)

    assert code == 0
    assert "warning: v1/ml: no longer in the cache, its index here is removed\n" in said
    assert set(tree(tmp_path)) == {LIST, f"v1/e4s/{LAYOUT_2}", f"v2/e4s/{LAYOUT_2}"}
    assert not (tmp_path / "v1/ml").exists()


def test_files_of_the_users_own_stay(site: Site, tmp_path: Path) -> None:
    """Only fetched files are ever removed, even beside other files."""
    own = tmp_path / "blobs" / "sha256" / "ab" / "abc"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    url = f"{site.url}/mirror"
    for text in ("old", "new"):
        site.puts_layout_3("mirror/", (8, index(text)))
        assert fetch(site, tmp_path, url=url)[0] == 0

    assert own.read_text() == "mine"
    assert len(tree(tmp_path)) == 3


@pytest.mark.parametrize(
    ("tag", "label"), [("..", "e4s"), (TAG, "../../e4s"), (TAG, ""), (TAG, "blobs"), ("/tmp", "x")]
)
def test_a_name_that_cannot_be_a_folder_is_left_out(
    site: Site, tmp_path: Path, tag: str, label: str
) -> None:
    """No name in the list leads out of the tree: exit 1, and other stacks are fetched."""
    listed = json.loads(site.files[LIST])
    listed.setdefault(tag, []).append({"label": label, "url": f"s3://bucket/{E4S}"})
    site.files[LIST] = json.dumps(listed).encode()

    code, said = fetch(site, tmp_path / "to")

    assert code == 1
    assert "which can't be a folder's name; left out" in said
    assert tree(tmp_path / "to") == site.files
    assert [path.name for path in tmp_path.iterdir()] == ["to"]


@pytest.mark.parametrize(
    "text", [b'{"develop": "e4s"}', b'{"develop": [{"label": "e4s"}]}', b"{x}"]
)
def test_an_invalid_list(site: Site, tmp_path: Path, text: bytes) -> None:
    """Exit 1 with its URL, and the previous list is kept."""
    fetch(site, tmp_path)
    before = tree(tmp_path)
    site.files[LIST] = text

    code, said = fetch(site, tmp_path)

    assert code == 1
    assert said.startswith(f"error: {site.url}/{LIST}: expected a list of snapshots, ")
    assert tree(tmp_path) == before


def test_redirects_are_followed(site: Site, tmp_path: Path) -> None:
    """An index may be redirected to another URL over HTTP."""
    site.files["elsewhere"] = site.files[E4S]
    site.answers[E4S] = [status(307, Location=f"{site.url}/elsewhere")]

    assert fetch(site, tmp_path)[0] == 0
    assert (tmp_path / E4S).read_bytes() == site.files["elsewhere"]


def test_a_login_is_used_where_it_belongs_and_never_told(site: Site, tmp_path: Path) -> None:
    """User and password are sent to the host that they are for, and are in no message or file."""
    url = site.url.replace("//", "//me:s%40cret@")
    login = "Basic " + base64.b64encode(b"me:s@cret").decode()
    with serve() as other:
        other.files = site.files
        site.answers[E4S] = [status(400)]
        listed = json.loads(site.files[LIST])
        listed[TAG][2]["url"] = f"{other.url}/{RADIUSS}"
        site.files[LIST] = json.dumps(listed).encode()

        code, said = fetch(site, tmp_path, "--allow-host", "127.0.0.1", url=url)

        assert code == 1
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None]
    assert {asked.headers.get("Authorization") for asked in site.asked} == {login}
    assert "cret" not in said
    assert "cret" not in (tmp_path / ".fetch" / "seen.json").read_text()


def test_an_unreachable_host_is_tried_once(site: Site, tmp_path: Path) -> None:
    """Only the first stack on an unreachable host waits; stacks on others are fetched."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        stacks = [{"label": f"s{n}", "url": f"{dead}/s{n}/{LAYOUT_2}"} for n in range(30)]
        stacks.append({"label": "e4s", "url": f"s3://bucket/{E4S}"})
        site.files[LIST] = json.dumps({TAG: stacks}).encode()

        code, said = fetch(
            site, tmp_path, "--jobs", "1", "--retries", "1", "--allow-host", "127.0.0.1"
        )

    assert code == 1
    assert "error: 30 of 31 indexes could not be downloaded:\n" in said
    assert f"{dead}/s0/{LAYOUT_2}: no connection (" in said
    assert set(tree(tmp_path)) == {LIST, E4S}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://127.0.0.1/cache", "ftp:// is not supported; expected http://, https://, s3://"),
        ("cache.example/c", "no scheme; did you mean https://cache.example/c?"),
        ("u:secret@cache.example", "no scheme; did you mean https://cache.example?"),
        ("http://127.0.0.1:x/", "the URL has a host or port that can't be read"),
        ("http://127.0.0.1:0/", "the URL has no host or an impossible port"),
        ("http://127.0.0.1:99999/", "the URL has a host or port that can't be read"),
        ("http://u:secret@[1/", "the URL has a host or port that can't be read"),
        ("http://me:secret", "the URL has a host or port that can't be read"),
        ("http://me:1/secret@127.0.0.1/", "percent-encode special characters of a user name"),
        ("http://me:sec#ret@127.0.0.1/", "percent-encode special characters of a user name"),
        ("http://me:sec?ret@127.0.0.1/", "percent-encode special characters of a user name"),
        ("http://127.0.0.1/a?token=secret", "the URL of 127.0.0.1/a has a part behind ? or #"),
        ("file:///mirror/of%20ours", "cache-coverage flatten /mirror/of ours"),
        ("/mirror", "this is a path; flatten reads folders directly"),
        ("oci://ghcr.io", "expected oci://HOST/NAME, as oci://ghcr.io/OWNER/NAME"),
    ],
)
def test_an_invalid_url(site: Site, tmp_path: Path, url: str, words: str) -> None:
    """Exit 1 without a request."""
    code, said = fetch(site, tmp_path, url=url)

    assert code == 1
    assert words in said
    assert "sec" not in said
    assert site.asked == []


@pytest.mark.parametrize(
    "setting", ["HTTP_PROXY=ftp://127.0.0.1", "ALL_PROXY=http://[::", "SSL_CERT_FILE=/nowhere"]
)
def test_an_environment_that_cannot_be_used(tmp_path: Path, setting: str) -> None:
    """Exit 1 for an invalid proxy or certificate setting, with the variables to check."""
    name, value = setting.split("=")

    result = run_command(
        "fetch", "http://127.0.0.1:9", "--to", tmp_path, env=os.environ | {name: value}
    )

    assert result.returncode == 1
    assert "error: the proxy or certificates that the environment names" in result.stderr
    assert name in result.stderr


def test_a_proxy_is_used(site: Site, tmp_path: Path) -> None:
    """With HTTP_PROXY, the request goes to the proxy, with the cache's own URL."""
    environment = os.environ | {"HTTP_PROXY": site.url, "NO_PROXY": "", "no_proxy": ""}
    address = f"http://cache.example/{TAG}/e4s/{LAYOUT_2}"
    site.files[address] = index("by proxy")

    result = run_command("fetch", address, "--to", tmp_path, env=environment)

    assert result.returncode == 0
    assert tree(tmp_path) == {LAYOUT_2: site.files[address]}


def test_a_host_may_serve_many_buckets(site: Site, tmp_path: Path) -> None:
    """{bucket} may be anywhere in --s3-host."""
    site.files = {f"of/bucket/{name}": content for name, content in site.files.items()}

    code, _ = fetch(site, tmp_path, "--s3-host", f"{site.url}/of/{{bucket}}/", url="s3://bucket/")

    assert code == 0
    assert set(tree(tmp_path)) == {LIST, ROOT, E4S, RADIUSS}


@pytest.mark.parametrize(("jobs", "most"), [(1, 1), (3, 3)])
def test_concurrent_downloads_are_limited(site: Site, tmp_path: Path, jobs: int, most: int) -> None:
    """Exactly --jobs indexes are downloaded concurrently."""
    barrier = threading.Barrier(jobs)

    def meet(handler: Handler) -> None:
        barrier.wait(timeout=60)
        send_file(handler)

    for path in (ROOT, E4S, RADIUSS):
        site.answers[path] = [meet]

    assert fetch(site, tmp_path, "--jobs", jobs)[0] == 0
    assert site.most_open == most


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_partial_file(
    site: Site, tmp_path: Path, end: signal.Signals
) -> None:
    """An interrupted download keeps the previous index, and the next run cleans up."""
    fetch(site, tmp_path)
    before = site.files[E4S]
    site.files[E4S] = index("newer")
    site.answers[E4S] = [stall]
    drafts = tmp_path / ".fetch" / "drafts"
    command = [sys.executable, "-m", "pipeline", "fetch", site.url]
    with subprocess.Popen(
        [*command, "--to", tmp_path, "--s3-host", site.url],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        while not (drafts.is_dir() and any(drafts.iterdir())):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(end)
        _, said = process.communicate()

    assert process.returncode != 0
    assert "Traceback" not in said
    assert (tmp_path / E4S).read_bytes() == before
    assert drafts.exists() is (end != signal.SIGINT)
    assert fetch(site, tmp_path)[0] == 0
    assert tree(tmp_path) == site.files


def test_two_runs_on_a_tree_go_one_after_the_other(site: Site, tmp_path: Path) -> None:
    """The second says that it waits, and then finds nothing left to do."""
    goes_on = threading.Event()

    def linger(handler: Handler) -> None:
        goes_on.wait(timeout=60)
        send_file(handler)

    site.answers[E4S] = [linger]
    command = [sys.executable, "-m", "pipeline", "fetch", site.url, "--to", str(tmp_path)]
    runs = []
    for _ in range(2):
        runs.append(
            subprocess.Popen(
                [*command, "--s3-host", site.url],
                stderr=subprocess.PIPE,
                text=True,
                env=ENVIRONMENT,
            )
        )
        while not site.asked:
            assert runs[0].poll() is None
            time.sleep(0.01)
    assert runs[1].stderr is not None
    assert runs[1].stderr.readline() == f"{tmp_path}: waiting for another run to finish\n"
    goes_on.set()
    said = [run.communicate()[1] for run in runs]

    assert [run.returncode for run in runs] == [0, 0]
    assert "3 new or changed" in said[0]
    assert "0 new or changed" in said[1]


def test_a_tree_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    """Exit 1 with the folder and what to do, without a traceback."""
    (tmp_path / TAG).write_text("a file where a folder must be")

    code, said = fetch(site, tmp_path)

    assert code == 1
    assert said.startswith(f"error: {tmp_path}: can't be written (")
