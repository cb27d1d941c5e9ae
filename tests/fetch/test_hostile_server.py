"""A hostile or broken server: nothing bad is published, disclosed, or unbounded."""

from __future__ import annotations

import base64
import gzip
import json
import resource
import subprocess
import sys
import zlib
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
    serve,
    status,
)
from tests.fetch.test_fetch import ENVIRONMENT, index

TAG = "develop-2025-03-30"


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a single mirror of layout 2, without a list."""
    with serve() as site:
        site.files[LAYOUT_2] = index("good")
        yield site


def fetch(
    url: str, to: Path, *options: object, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run `cache-coverage fetch` without retries; return its exit status and messages."""
    return run_fetch(
        *(url, "--to", to, "--retries", "0", "--timeout", "5", *options), environment=environment
    )


def send_without_length(content: bytes, *, code: int = 200, **headers: str) -> Answer:
    """Respond without a Content-Length; the body ends with the connection."""

    def answer(handler: Handler) -> None:
        handler.sent = code
        handler.send_response(code)
        for name, value in {"Connection": "close", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(200, b'{"message": "rate limited"}'), "Object missing required field `database`"),
        (status(200, b'{"database": {}}'), "Object missing required field"),
        (status(200, b'{"database": {"version": "8", "installs": []}}'), "installs that are no"),
        (status(200, b'{"database": {"version": 8, "installs": {}}}'), "Expected `str`, got `int`"),
        (status(200, index("good") + b"x"), "trailing characters"),
        (status(200, b"[]"), "found '[]'"),
        (status(200, b"\xff\xfe\x00"), "expected an index of a build cache"),
        (status(206, index("good")), "sent only part of the file (HTTP 206), unrequested"),
        (status(204), "HTTP 204 No Content"),
        (status(304), "HTTP 304 Not Modified"),
        (send_without_length(index("good")[:21]), "truncated"),
        (send_without_length(b'{"database": {"version": "8", "installs": {"a": {}'), "truncated"),
        (status(200, index("good"), Content_Encoding="br"), "Content-Encoding 'br'"),
        (
            status(200, index("good"), Content_Encoding="gzip, gzip"),
            "Content-Encoding 'gzip, gzip'",
        ),
    ],
)
def test_only_valid_indexes_are_published(
    site: Site, tmp_path: Path, answer: Answer, words: str
) -> None:
    """Exit 1 with the problem, and the previous index is kept."""
    assert fetch(f"{site.url}/{LAYOUT_2}", tmp_path)[0] == 0
    before = tree(tmp_path)
    # An outdated ETag, so that the server would send the index again.
    site.files[LAYOUT_2] = index("newer")
    site.answers[LAYOUT_2] = [answer]
    (tmp_path / ".fetch" / "seen.json").unlink()

    code, said = fetch(f"{site.url}/{LAYOUT_2}", tmp_path)

    assert code == 1
    assert said.startswith(f"error: {site.url}/{LAYOUT_2}: ")
    assert words in said
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    "content",
    [b'{"message": "gone"}', gzip.compress(b'{"a": 1}', mtime=0), b"\x1f"],
    ids=["plain", "gzip", "no gzip"],
)
def test_a_blob_that_is_not_an_index_is_not_published(
    site: Site, tmp_path: Path, content: bytes
) -> None:
    """Other content is not an index even if its checksum matches."""
    compression = "gzip" if content[:1] == b"\x1f" else "none"
    site.puts_layout_3("mirror/", (8, content), compression=compression)

    code, said = fetch(f"{site.url}/mirror/{LAYOUT_3}", tmp_path)

    assert code == 1
    assert f"error: {site.url}/mirror/blobs/sha256/" in said
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://127.0.0.1:99999/x", "redirects to a URL with an impossible host or port"),
        ("http://127.0.0.1:0/x", "redirects to a URL with an impossible host or port"),
        ("http://127.0.0.1:-1/x", "redirects to a URL with an impossible host or port"),
        ("http://[::1/x", "redirects to a URL with an impossible host or port"),
        ("file:///etc/passwd", "redirects to a file: URL, expected http:// or https://"),
        ("javascript:alert(1)", "redirects to a javascript: URL"),
        ("http://xn--a\x80b/", ""),
        (f"/{LAYOUT_2}", "redirects more than 10 times"),
    ],
)
def test_where_a_redirect_may_not_lead(
    site: Site, tmp_path: Path, location: str, words: str
) -> None:
    """Exit 1 with the problem, once, and never a traceback."""
    site.answers[LAYOUT_2] = [status(302, Location=location)] * 20

    code, said = fetch(f"{site.url}/{LAYOUT_2}", tmp_path)

    assert code == 1
    assert said.startswith(f"error: {site.url}/{LAYOUT_2}: {words}")


def test_a_redirect_gets_no_login_at_another_origin(site: Site, tmp_path: Path) -> None:
    """Neither the login of the first host nor that in the redirect or .netrc is sent elsewhere."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine localhost login other password sekret\n")
    with serve() as other:
        other.files[LAYOUT_2] = index("elsewhere")
        target = other.url.replace("127.0.0.1", "me:sekret@localhost")
        site.answers[LAYOUT_2] = [status(302, Location=f"{target}/{LAYOUT_2}")]

        code, said = fetch(
            site.url.replace("//", "//me:sekret@") + f"/{LAYOUT_2}",
            tmp_path / "to",
            environment={"HOME": str(home)},
        )

        assert (code, "sekret" in said) == (0, False)
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None]
    assert [asked.headers["Authorization"][:6] for asked in site.asked] == ["Basic "]


def test_a_blob_larger_than_announced_is_aborted(site: Site, tmp_path: Path) -> None:
    """Of an endless blob announced as 100 bytes, only a few chunks are read."""
    (path,) = site.puts_layout_3("mirror/", (8, index("good")), contentLength=100)
    sent = [0]

    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x" * 1_000_000)
            sent[0] += 1
        handler.close_connection = True

    site.answers[path] = [endless]

    code, said = fetch(f"{site.url}/mirror/{LAYOUT_3}", tmp_path)

    assert code == 1
    assert "larger than the 100 bytes expected" in said
    assert sent[0] < 50


@pytest.mark.parametrize("length", [3_000_000_000, 2**63, 2**80, -1])
def test_a_blob_of_an_impossible_size_is_not_requested(
    site: Site, tmp_path: Path, length: int
) -> None:
    """Exit 1 before any byte is requested."""
    (path,) = site.puts_layout_3("mirror/", (8, index("good")), contentLength=length)

    code, said = fetch(f"{site.url}/mirror/{LAYOUT_3}", tmp_path)

    assert code == 1
    assert site.url in said
    assert site.statuses()[path, 200] == 0
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("path", [LIST, f"mirror/{LAYOUT_3}"])
def test_small_files_have_small_limits(site: Site, tmp_path: Path, path: str) -> None:
    """An endless list or manifest is stopped after some megabytes."""
    site.answers[path] = [send_without_length(b"{" + b" " * 100_000_000)]
    url = site.url if path == LIST else f"{site.url}/{path}"

    code, said = fetch(url, tmp_path)

    assert code == 1
    assert f"{site.url}/{path}: larger than the " in said


def bomb() -> bytes:
    """Return gzip data of 10 MB that decompress to 10 GB of zeros after the start of an index."""
    packer = zlib.compressobj(9, wbits=31)

    def pack(data: bytes) -> bytes:
        return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)

    # After a full flush, a chunk compresses to the same bytes at any position.
    return pack(b'{"database": {"version": "8", "installs": {"') + pack(bytes(10_000_000)) * 1000


@pytest.mark.parametrize("place", ["encoded", "blob"])
def test_a_decompression_bomb_is_an_error(site: Site, tmp_path: Path, place: str) -> None:
    """A gzip bomb of 10 GB is stopped within 1 GB of memory and disk."""
    content = bomb()
    if place == "blob":
        site.puts_layout_3("mirror/", (8, content), compression="gzip")
        url = f"{site.url}/mirror/{LAYOUT_3}"
    else:
        site.answers[LAYOUT_2] = [status(200, content, Content_Encoding="gzip")]
        url = f"{site.url}/{LAYOUT_2}"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000_000, 1_000_000_000))

    result = run_command("fetch", url, "--to", tmp_path, env=ENVIRONMENT, preexec_fn=limit)

    assert result.returncode == 1
    assert "decompresses to more than 100 times its size, as no index does" in result.stderr
    assert tree(tmp_path) == {}


def test_a_damaged_blob_is_downloaded_again(site: Site, tmp_path: Path) -> None:
    """A locally modified blob of the same length is replaced, and its manifest is touched."""
    (path,) = site.puts_layout_3("", (8, index("good")))
    fetch(f"{site.url}/{LAYOUT_3}", tmp_path)
    (tmp_path / path).write_bytes(index("evil"))
    before = (tmp_path / LAYOUT_3).stat().st_mtime_ns

    code, said = fetch(f"{site.url}/{LAYOUT_3}", tmp_path)

    assert (code, "1 new or changed" in said) == (0, True)
    assert (tmp_path / path).read_bytes() == index("good")
    assert (tmp_path / LAYOUT_3).stat().st_mtime_ns > before
    assert "0 new or changed" in fetch(f"{site.url}/{LAYOUT_3}", tmp_path)[1]


@pytest.mark.parametrize("host", ["{site}", "{site}/{{bucket}}"])
def test_a_login_in_s3_host_is_used_and_not_kept(site: Site, tmp_path: Path, host: str) -> None:
    """It is sent to that host, and is in no message or file."""
    site.files |= {f"bucket/{name}": content for name, content in site.files.items()}
    host = host.format(site=site.url.replace("//", "//me:sekret@"))

    code, said = fetch("s3://bucket", tmp_path, "--s3-host", host)
    wrong, why = fetch("s3://bucket/nowhere", tmp_path / "wrong", "--s3-host", host)

    assert (code, wrong) == (0, 1)
    assert "sekret" not in said + why
    assert {asked.headers["Authorization"] for asked in site.asked} == {
        "Basic " + base64.b64encode(b"me:sekret").decode()
    }
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"sekret" not in file.read_bytes()


@pytest.mark.parametrize("name", [LIST, "build_cache", "v3", "blobs"])
def test_a_snapshot_named_like_a_file_of_the_tree_is_left_out(
    site: Site, tmp_path: Path, name: str
) -> None:
    """Exit 1 with its name, and the other snapshots are fetched."""
    url = f"{site.url}/{LAYOUT_2}"
    listed = {name: [{"label": "a", "url": url}], TAG: [{"label": "a", "url": url}]}
    site.files[LIST] = json.dumps(listed).encode()

    code, said = fetch(site.url, tmp_path)

    assert code == 1
    assert f"named {name!r}, which can't be a folder's name; left out" in said
    assert set(tree(tmp_path)) == {LIST, f"{TAG}/a/{LAYOUT_2}"}


def test_a_stack_that_is_listed_twice_is_reported(site: Site, tmp_path: Path) -> None:
    """Of two indexes for one folder, the first is kept, and the other is a failure."""
    site.files["b/" + LAYOUT_2] = index("other")
    listed = {TAG: [{"label": "a", "url": f"{site.url}/{part}{LAYOUT_2}"} for part in ("", "b/")]}
    site.files[LIST] = json.dumps(listed).encode()

    code, said = fetch(site.url, tmp_path)

    assert code == 1
    assert f"{TAG}/a is listed twice; left out" in said
    assert (tmp_path / TAG / "a" / LAYOUT_2).read_bytes() == index("good")


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ([], False),
        (["--allow-host", "example.org"], False),
        (["--allow-host", "127.0.0.1:1"], False),
        (["--allow-host", "127.0.0.1"], True),
        (["--allow-host", "{other}"], True),
    ],
)
def test_a_list_leads_to_other_hosts_only_if_allowed(
    site: Site, tmp_path: Path, options: list[str], allowed: bool
) -> None:
    """Another port counts as another host: it may be a service on the user's machine."""
    with serve() as other:
        other.files[LAYOUT_2] = index("elsewhere")
        site.files[LIST] = json.dumps(
            {TAG: [{"label": "a", "url": f"{other.url}/{LAYOUT_2}"}]}
        ).encode()
        host = other.url.removeprefix("http://")

        code, said = fetch(site.url, tmp_path, *(text.format(other=host) for text in options))

        assert bool(other.asked) is allowed
    assert code == (0 if allowed else 1)
    assert allowed or f"the list names another host; allow it with --allow-host {host}" in said


def test_netrc_and_environment_have_logins(site: Site, tmp_path: Path) -> None:
    """In this order: in the URL, in the environment for that URL, in .netrc for its host."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login net password rc\n")
    own = {"HOME": str(home)}
    named = {"CACHE_COVERAGE_USER": "env", "CACHE_COVERAGE_PASSWORD": "iron"}
    url = f"{site.url}/{LAYOUT_2}"

    fetch(url, tmp_path / "1", environment=own)
    fetch(url, tmp_path / "2", environment=own | named)
    fetch(url, tmp_path / "3", environment=own | {"CACHE_COVERAGE_TOKEN": "t"})
    fetch(url.replace("//", "//url:ul@"), tmp_path / "4", environment=own | named)

    pairs = [base64.b64encode(pair).decode() for pair in (b"net:rc", b"env:iron", b"url:ul")]
    assert [asked.headers["Authorization"] for asked in site.asked] == [
        f"Basic {pairs[0]}",
        f"Basic {pairs[1]}",
        "Bearer t",
        f"Basic {pairs[2]}",
    ]


def test_a_netrc_that_cannot_be_read_is_told_without_its_text(site: Site, tmp_path: Path) -> None:
    """Exit 1 with the file and line, but no text of the file."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 sekret")

    code, said = fetch(site.url, tmp_path / "to", environment={"NETRC": str(tmp_path / "netrc")})

    assert (code, "sekret" in said) == (1, False)
    assert said.startswith(f"error: {tmp_path / 'netrc'}, line 1: can't be read as a netrc file")


def test_a_transfer_has_a_time_limit(site: Site, tmp_path: Path) -> None:
    """A server that sends a byte now and then is given up as well."""
    content = index("drop by drop")

    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for byte in content:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if handler.site.ends.wait(0.2):
                break
        handler.close_connection = True

    site.answers[LAYOUT_2] = [drip]

    code, said = fetch(f"{site.url}/{LAYOUT_2}", tmp_path, "--max-time", "1")

    assert code == 1
    assert f"{site.url}/{LAYOUT_2}: not complete after 1 s" in said
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("name", ["lock", "journal"])
def test_links_in_place_of_our_own_files_are_not_followed(
    site: Site, tmp_path: Path, name: str
) -> None:
    """The target of a symbolic link is neither truncated nor written: exit 1."""
    mine = tmp_path / "mine"
    mine.write_text("mine")
    own = tmp_path / "to" / ".fetch"
    own.mkdir(parents=True)
    (own / name).symlink_to(mine)

    code, said = fetch(f"{site.url}/{LAYOUT_2}", tmp_path / "to")

    assert code == (1 if name == "lock" else 0)
    assert mine.read_text() == "mine"
    assert "Traceback" not in said


def test_a_run_killed_while_journaling_is_resumed(site: Site, tmp_path: Path) -> None:
    """The journal of a killed run counts, except for an unfinished last line."""
    fetch(f"{site.url}/{LAYOUT_2}", tmp_path)
    own = tmp_path / ".fetch"
    ((path, seen),) = json.loads((own / "seen.json").read_text()).items()
    (own / "seen.json").unlink()
    (own / "journal").write_text(json.dumps([path, seen]) + '\n["v3/x", {"addr')
    site.statuses()

    assert fetch(f"{site.url}/{LAYOUT_2}", tmp_path)[0] == 0
    assert site.statuses() == {(LAYOUT_2, 304): 1}
    assert json.loads((own / "seen.json").read_text()) == {path: seen}
    assert not (own / "journal").exists()


def test_state_is_written_in_linear_time(tmp_path: Path) -> None:
    """Recording one file of many writes some hundred bytes, not the whole state."""
    program = """
import sys
from pathlib import Path
from pipeline.fetch.client import Draft, Seen
from pipeline.fetch.tree import open_tree
with open_tree(Path(sys.argv[1]), lambda: None) as tree:
    sizes = []
    for number in range(300):
        draft = tree.new_draft()
        draft.write_bytes(b"{}")
        seen = Seen("http://host/x", 2, 0)
        tree.publish(Draft(draft, seen), f"t/s{number}/build_cache/index.json")
        sizes.append(tree.journal.stat().st_size)
    print(max(b - a for a, b in zip(sizes, sizes[1:])))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) < 300
    assert len(json.loads((tmp_path / ".fetch" / "seen.json").read_text())) == 300
