"""Mirrors in Spack's configuration, views of indexes, and sizes over HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import run_command
from tests.fetch.commands import run_fetch, tree
from tests.fetch.serving import LAYOUT_2, LAYOUT_3, Site, serve, status
from tests.fetch.test_fetch import index
from tests.writing import SAMPLE

HEP = SAMPLE.parent / "mirror-v3" / "develop-2026-06-28" / "hep"
GMAKE = "v3/manifests/spec/gmake/gmake-4.4.1-kkqnlog5wnmtijcdk3fjg5m4mv66cbdi.spec.manifest.json"


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a server with the mirrors `one`, of layout 2, and `hep`, written by Spack 1.2."""
    with serve() as site:
        site.files[f"one/{LAYOUT_2}"] = index("one")
        for file in HEP.rglob("*"):
            if file.is_file():
                site.files[f"hep/{file.relative_to(HEP).as_posix()}"] = file.read_bytes()
        yield site


def fetch(file: Path, to: Path, *options: object, **environment: str) -> tuple[int, str]:
    """Fetch the mirrors in a file."""
    return run_fetch(
        *("--mirrors", file, "--to", to, "--retries", 0, *options), environment=environment
    )


def write(folder: Path, text: str, site: Site | None = None) -> Path:
    """Write a configuration file; SITE in it stands for the server."""
    file = folder / "mirrors.yaml"
    file.write_text(text.replace("SITE", site.url if site else ""))
    return file


def test_each_mirror_becomes_a_stack(site: Site, tmp_path: Path) -> None:
    """URLs are strings, keys or in `fetch`; source mirrors are left out."""
    file = write(
        tmp_path,
        """
        mirrors:
          one: SITE/one
          two:
            url: SITE/nowhere
            fetch: {url: SITE/hep}
          sources: {url: SITE/sources, binary: false}
          local: file:///opt/mirror
        """,
        site,
    )

    code, said = fetch(file, tmp_path / "to", "--tag", "2026-11")

    assert code == 0
    assert said == (
        "warning: local: flatten reads folders directly: "
        "cache-coverage flatten file:///opt/mirror --tag 2026-11 --stack local\n"
        f"{tmp_path / 'to'}: 2 indexes of 1 snapshot, 2 new or changed (0.0 MB)\n"
    )
    blob = next(path for path in site.files if "/blobs/" in path).removeprefix("hep/")
    assert set(tree(tmp_path / "to")) == {
        f"2026-11/one/{LAYOUT_2}",
        f"2026-11/two/{LAYOUT_3}",
        f"2026-11/two/{blob}",
    }
    result = run_command("flatten", tmp_path / "to", "--out", tmp_path / "out")
    assert "24 specs in 1 snapshot" in result.stderr, result.stderr


def test_a_mirror_dropped_from_the_configuration_is_removed(site: Site, tmp_path: Path) -> None:
    """A run without failures removes mirrors no longer in the file; --stack restricts it."""
    to = tmp_path / "to"
    fetch(write(tmp_path, "mirrors: {one: SITE/one, two: SITE/hep}", site), to)
    file = write(tmp_path, "mirrors: {one: SITE/one, more: SITE/one}", site)

    fetch(file, to, "--stack", "one")
    assert (to / "mirrors" / "two").is_dir()

    code, said = fetch(file, to)
    assert (code, "warning: mirrors/two: no longer in the cache" in said) == (0, True)
    assert set(tree(to)) == {f"mirrors/one/{LAYOUT_2}", f"mirrors/more/{LAYOUT_2}"}


def test_logins_come_from_the_variables_that_are_named(site: Site, tmp_path: Path) -> None:
    """Each mirror gets its own login, even if several share a host."""
    site.files |= {f"two/{LAYOUT_2}": index("two"), f"three/{LAYOUT_2}": index("three")}
    file = write(
        tmp_path,
        """
        mirrors:
          one:
            url: SITE/one
            access_pair: {id: me, secret_variable: SECRET}
          two:
            url: SITE/two
            access_pair: {id_variable: USER_ID, secret_variable: SECRET}
          three:
            url: SITE/three
            access_token_variable: TOKEN
        """,
        site,
    )

    code, said = fetch(file, tmp_path / "to", SECRET="sekret", USER_ID="you", TOKEN="t")

    assert (code, "sekret" in said) == (0, False)
    basic = {
        user: "Basic " + base64.b64encode(user + b":sekret").decode() for user in (b"me", b"you")
    }
    for path, expected in (("one", basic[b"me"]), ("two", basic[b"you"]), ("three", "Bearer t")):
        asked = [a.headers["Authorization"] for a in site.asked if a.path.startswith(path)]
        assert set(asked) == {expected}
    for found in (tmp_path / "to").rglob("*"):
        assert found.is_dir() or b"sekret" not in found.read_bytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mirrors: {one: [}", "line 1: not valid YAML; correct it"),
        ("packages: {}", "no section mirrors; name a mirrors.yaml of Spack"),
        ("mirrors: {one: {binary: true}}", "mirror one: no url; add it"),
        ("mirrors: {one: 7}", "mirror one: expected a URL or keys; correct it"),
        ("mirrors: {s: {url: x, binary: false}}", "names no mirror of binaries"),
        (
            "mirrors: {one: {url: 'http://h', access_pair: {id: a, secret_variable: NONE}}}",
            "mirror one: the environment has no NONE; set it",
        ),
        (
            "mirrors: {one: {url: 'http://h', access_pair: sekret}}",
            "mirror one: access_pair: expected id or id_variable, and secret_variable",
        ),
        ("mirrors: {'../x': 'http://127.0.0.1:9'}", "named '../x', which can't be a folder's"),
        ("mirrors: {one: 'ftp://h/x'}", "one: ftp:// is not supported"),
        ("mirrors: {one: 'http://me:sekret/x@h'}", "one: the URL has an @ behind its host"),
    ],
)
def test_a_file_that_cannot_be_followed(tmp_path: Path, text: str, words: str) -> None:
    """Exit 1 with the file or mirror, the problem and the remedy, without any login."""
    code, said = fetch(write(tmp_path, text), tmp_path / "to")

    assert code == 1
    assert words in said
    assert "sekret" not in said


def test_an_environment_file_has_mirrors_too(site: Site, tmp_path: Path) -> None:
    """In spack.yaml the section is below `spack`; two colons override other files."""
    file = write(tmp_path, 'spack: {"mirrors:": {one: SITE/one}}', site)

    assert fetch(file, tmp_path / "to")[0] == 0
    assert set(tree(tmp_path / "to")) == {f"mirrors/one/{LAYOUT_2}"}


def test_a_failed_mirror_does_not_affect_others(site: Site, tmp_path: Path) -> None:
    """Exit 1 with its URL; the others are downloaded."""
    site.answers["bad/" + LAYOUT_3] = [status(500)]
    file = write(tmp_path, "mirrors: {bad: SITE/bad, one: SITE/one}", site)

    code, said = fetch(file, tmp_path / "to")

    assert code == 1
    assert f"{site.url}/bad/{LAYOUT_3}: HTTP 500" in said
    assert set(tree(tmp_path / "to")) == {f"mirrors/one/{LAYOUT_2}"}


@pytest.mark.parametrize("arguments", [[], ["http://127.0.0.1", "--mirrors", "FILE"]])
def test_a_url_or_a_file_is_named(tmp_path: Path, arguments: list[str]) -> None:
    """Exit 2 for neither or both."""
    file = str(write(tmp_path, "mirrors: {}"))

    code, said = run_fetch(
        *(file if argument == "FILE" else argument for argument in arguments), "--to", tmp_path
    )

    assert code == 2
    assert "give either URL or --mirrors FILE" in said


@pytest.mark.parametrize("named", ["option", "folder", "url", "file"])
def test_a_view_of_an_index(site: Site, tmp_path: Path, named: str) -> None:
    """A view is downloaded instead of the mirror's own index, and `flatten` reads it."""
    view = "v3/manifests/index/gpu/index.manifest.json"
    site.files[f"hep/{view}"] = site.files[f"hep/{LAYOUT_3}"]
    to, url = tmp_path / "to", f"{site.url}/hep"
    match named:
        case "option":
            code, said = run_fetch(url, "--view", "gpu", "--to", to)
        case "folder":
            code, said = run_fetch(f"{url}/v3/manifests/index/gpu", "--to", to)
        case "url":
            code, said = run_fetch(f"{url}/{view}", "--to", to)
        case _:
            file = write(tmp_path, "mirrors: {gpu: {url: SITE/hep, view: gpu}}", site)
            code, said = fetch(file, to)
            to = to / "mirrors" / "gpu"

    assert code == 0, said
    assert (to / view).is_file()
    assert not (to / LAYOUT_3).exists()
    result = run_command("flatten", to, "--tag", "t", "--out", tmp_path / "out")
    assert "24 specs in 1 snapshot" in result.stderr, result.stderr


def test_a_view_that_is_not_there(site: Site, tmp_path: Path) -> None:
    """Exit 1 with its URL."""
    code, said = run_fetch(f"{site.url}/hep", "--view", "cpu", "--to", tmp_path / "to")

    assert code == 1
    assert f"{site.url}/hep/v3/manifests/index/cpu/index.manifest.json: HTTP 404" in said


@pytest.mark.parametrize("folder", ["build_cache", "v3", "v3/manifests/index/", "blobs"])
def test_folders_in_a_mirror_stand_for_it(site: Site, tmp_path: Path, folder: str) -> None:
    """Spack prints such URLs, and people copy them."""
    code, said = run_fetch(f"{site.url}/hep/{folder}", "--to", tmp_path / "to")

    assert code == 0, said
    assert LAYOUT_3 in tree(tmp_path / "to")


def test_a_mirror_may_be_called_as_the_folder_in_it(site: Site, tmp_path: Path) -> None:
    """A mirror in a folder build_cache is found, after the URL of its parent was tried."""
    site.files[f"odd/build_cache/{LAYOUT_2}"] = index("odd")

    code, said = run_fetch(f"{site.url}/odd/build_cache", "--to", tmp_path / "to")

    assert code == 0, said
    assert tree(tmp_path / "to") == {LAYOUT_2: index("odd")}


@pytest.mark.slow
def test_sizes_of_a_mirror_of_layout_3(site: Site, tmp_path: Path) -> None:
    """With --sizes, each spec's manifest is downloaded, again only if it changed."""
    to, url = tmp_path / "to", f"{site.url}/hep"
    assert run_fetch(url, "--to", to)[0] == 0
    assert not (to / GMAKE).exists()
    flat = ("flatten", to, "--tag", "t", "--out", tmp_path / "out")
    count = ("query", "select count(size_bytes) from specs", "--format", "csv")
    run_command(*flat)

    code, said = run_fetch(url, "--to", to, "--sizes")
    site.statuses()
    again, _ = run_fetch(url, "--to", to, "--sizes")

    assert (code, again) == (0, 0), said
    asked = site.statuses()
    assert sum(asked[f"hep/{path}", 304] for path in tree(to) if "/spec/" in path) == 24
    run_command(*flat)
    run_command("build", "--out", tmp_path / "out")
    assert run_command(*count, "--out", tmp_path / "out").stdout.split() == [
        "count(size_bytes)",
        "24",
    ]


@pytest.mark.slow
def test_signed_and_missing_manifests(site: Site, tmp_path: Path) -> None:
    """A clearsigned manifest is kept as is; a missing one is a warning, a wrong one an error."""
    plain = site.files[f"hep/{GMAKE}"]
    signed = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        + plain
        + b"\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"
    )
    site.files[f"hep/{GMAKE}"] = signed
    lua = next(path for path in site.files if "/spec/lua/" in path)
    del site.files[lua]

    code, said = run_fetch(f"{site.url}/hep", "--to", tmp_path / "to", "--sizes")

    assert code == 0
    assert "1 of 24 specs have no manifest; their sizes stay unknown" in said
    assert (tmp_path / "to" / GMAKE).read_bytes() == signed

    site.files[f"hep/{GMAKE}"] = b'{"data": 7}'
    code, said = run_fetch(f"{site.url}/hep", "--to", tmp_path / "to", "--sizes")

    assert code == 1
    assert f"{site.url}/hep/{GMAKE}: expected a manifest of layout 3" in said
    assert (tmp_path / "to" / GMAKE).read_bytes() == signed


def test_a_spec_of_a_git_version_is_named_as_spack_names_it(site: Site, tmp_path: Path) -> None:
    """In names of manifests, / and = of a version become _."""
    spec_hash = "k" * 32
    record = {"spec": {"name": "x", "version": "git.a/b=1"}, "in_buildcache": True}
    content = json.dumps({"database": {"version": "8", "installs": {spec_hash: record}}}).encode()
    site.puts_layout_3("git/", (8, content))
    path = f"v3/manifests/spec/x/x-git.a_b_1-{spec_hash}.spec.manifest.json"
    site.files[f"git/{path}"] = b'{"version": 3, "data": []}'

    code, said = run_fetch(f"{site.url}/git", "--to", tmp_path, "--sizes")

    assert (code, "have no manifest" in said) == (0, False)
    assert path in tree(tmp_path)
