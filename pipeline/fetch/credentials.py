"""Logins from URLs, the environment, .netrc, and the configuration of container tools.

A login belongs to one origin (scheme, host and port) and is sent nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import netrc
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import FetchError
from pipeline.fetch.http import IDENTITY_TOKEN_USER
from pipeline.fetch.urls import Login, origin_of

USER, PASSWORD, TOKEN = (
    "CACHE_COVERAGE_USER",
    "CACHE_COVERAGE_PASSWORD",
    "CACHE_COVERAGE_TOKEN",
)
WAYS = (
    f"a private cache takes a login from https://USER:PASSWORD@HOST/…, {USER} and {PASSWORD}, "
    f"{TOKEN}, .netrc, or (for registries) Docker's configuration"
)
HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+")
HELPER_SECONDS = 30
DOCKER_HUB = {"index.docker.io", "docker.io", "registry-1.docker.io"}
DOCKER_HUB_KEY = "https://index.docker.io/v1/"


class DockerLogin(msgspec.Struct):
    """An entry of Docker's configuration for one registry."""

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


class DockerConfig(msgspec.Struct):
    """The logins in Docker's configuration file."""

    auths: dict[str, DockerLogin] = {}
    credential_helpers: dict[str, str] = msgspec.field(name="credHelpers", default_factory=dict)
    credential_store: str | None = msgspec.field(name="credsStore", default=None)


class HelperAnswer(msgspec.Struct, rename="pascal"):
    """The answer of a Docker credential helper."""

    username: str
    secret: str


class Logins:
    """The logins of a run, by origin."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment = environment
        self.known: dict[str, Login | None] = {}

    def add(self, url: str, login: Login | None) -> None:
        """Use a login for a URL's origin; by default, the one in the environment."""
        self.known[origin_of(url)] = login or self._from_environment() or self._from_netrc(url)

    def add_host(self, url: str) -> None:
        """Use the .netrc entry for the host of another URL than the user's."""
        self.known.setdefault(origin_of(url), self._from_netrc(url))

    def add_registry(self, url: str, login: Login | None) -> None:
        """Use a login for a registry; by default, that of the environment or Docker."""
        self.known[origin_of(url)] = (
            login or self._from_environment() or self._from_docker(urlsplit(url).netloc)
        )

    def login_of(self, origin: str) -> Login | None:
        """Return the login for an origin."""
        return self.known.get(origin)

    def _from_environment(self) -> Login | None:
        if token := self.environment.get(TOKEN):
            return Login("", token)
        user, password = self.environment.get(USER), self.environment.get(PASSWORD)
        return Login(user, password or "") if user else None

    def _from_netrc(self, url: str) -> Login | None:
        home = Path(self.environment.get("HOME", "~")).expanduser()
        named = self.environment.get("NETRC")
        file = Path(named) if named else home / ".netrc"
        try:
            found = netrc.netrc(str(file)).authenticators(urlsplit(url).hostname or "")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
            # The text of the error may quote the file.
            line = f", line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else ""
            raise FetchError(f"{file}{line}: can't be read as a netrc file; correct it") from error
        return Login(found[0], found[2]) if found and found[2] else None

    def _from_docker(self, registry: str) -> Login | None:
        """Return the login for a registry from the files of container tools."""
        for where, text in self._docker_texts():
            try:
                config = msgspec.json.decode(text, type=DockerConfig)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise FetchError(
                    f"{where}: can't be read as Docker's configuration; correct it"
                ) from error
            if login := read_docker_login(config, registry):
                return login
        return None

    def _docker_texts(self) -> list[tuple[str, bytes]]:
        texts = []
        if content := self.environment.get("DOCKER_AUTH_CONFIG"):
            texts.append(("DOCKER_AUTH_CONFIG", content.encode()))
        home = Path(self.environment.get("HOME", "~")).expanduser()
        files = [Path(self.environment.get("DOCKER_CONFIG") or home / ".docker", "config.json")]
        if named := self.environment.get("REGISTRY_AUTH_FILE"):
            files.insert(0, Path(named))
        if runtime := self.environment.get("XDG_RUNTIME_DIR"):
            files.append(Path(runtime, "containers", "auth.json"))
        for file in files:
            try:
                texts.append((str(file), file.read_bytes()))
            except OSError:
                continue
        return texts


def read_docker_login(config: DockerConfig, registry: str) -> Login | None:
    """Return the login that Docker's configuration has for a registry, given as HOST or HOST:PORT.

    Raises
    ------
    FetchError
        An entry can't be read, or its helper fails.
    """
    keys = [DOCKER_HUB_KEY] if registry in DOCKER_HUB else []
    keys += [registry, f"https://{registry}", f"http://{registry}", f"https://{registry}/v1/"]
    for key in keys:
        if helper := config.credential_helpers.get(key):
            return ask_helper(helper, key)
        if (entry := config.auths.get(key)) and (login := read_entry(entry, key)):
            return login
    if config.credential_store:
        return ask_helper(config.credential_store, keys[0])
    return None


def read_entry(entry: DockerLogin, key: str) -> Login | None:
    """Return the login in one entry; an empty entry refers to the credential store."""
    if entry.identitytoken:
        return Login(IDENTITY_TOKEN_USER, entry.identitytoken)
    if entry.username:
        return Login(entry.username, entry.password or "")
    if not entry.auth:
        return None
    try:
        user, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise FetchError(
            f"Docker's configuration has a login for {key} that can't be decoded; log in again"
        ) from error
    return Login(user, password.rstrip("\0"))


def ask_helper(helper: str, registry: str) -> Login | None:
    """Return the login for a registry from a Docker credential helper; None if it has none.

    Raises
    ------
    FetchError
        The helper can't be run.
    """
    if not HELPER_NAME.fullmatch(helper):
        raise FetchError("Docker's configuration names an impossible credential helper; correct it")
    command = f"docker-credential-{helper}"
    try:
        result = subprocess.run(  # noqa: S603 - the user's own configuration names it
            [command, "get"],
            input=registry.encode(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(
            f"{command}, which Docker's configuration names for {registry}, can't be run; "
            f"install it, or set {USER} and {PASSWORD}"
        ) from error
    if result.returncode != 0:
        return None
    try:
        answer = msgspec.json.decode(result.stdout, type=HelperAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FetchError(f"{command}: answered with no login for {registry}") from error
    return Login(answer.username, answer.secret)
