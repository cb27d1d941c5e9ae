"""Mirrors in Spack's configuration: `mirrors.yaml`, or the section in a `spack.yaml`.

Keys are those of Spack's mirror schema: `url`, or `fetch` with keys of its own, which override
those of the mirror; `binary: false` marks source mirrors. Logins are best given as names of
environment variables (`id_variable`, `secret_variable`, `access_token_variable`; Spack 1.0).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import FetchError
from pipeline.fetch.buckets import BucketOptions
from pipeline.fetch.urls import BUCKET_SCHEMES, Login

MAX_BYTES = 4_000_000
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class ConfiguredMirror:
    """A binary mirror, and its credentials."""

    name: str
    url: str
    view: str | None
    login: Login | None
    buckets: BucketOptions


def read_mirrors(
    file: Path, defaults: BucketOptions, environment: Mapping[str, str] = os.environ
) -> list[ConfiguredMirror]:
    """Read the binary mirrors in a configuration file of Spack.

    Raises
    ------
    FetchError
        The file can't be read, or has none; messages never have a login.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise FetchError(f"{file}: larger than {MAX_BYTES:,} bytes; name a mirrors.yaml")
        config = yaml.load(text, Loader=LOADER)  # noqa: S506 - it is the safe loader
    except OSError as error:
        raise FetchError(f"{file}: can't be read: {error.strerror}; name a mirrors.yaml") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        raise FetchError(f"{file}:{line} not valid YAML; correct it") from error
    if isinstance(config, dict) and isinstance(config.get("spack"), dict):
        config = config["spack"]
    # In Spack, two colons after a key override other configuration files.
    mirrors = (
        next((config[key] for key in ("mirrors", "mirrors:") if key in config), None)
        if isinstance(config, dict)
        else None
    )
    if not isinstance(mirrors, dict):
        raise FetchError(f"{file}: no section mirrors; name a mirrors.yaml of Spack")
    found = [
        mirror
        for name, entry in mirrors.items()
        if (mirror := read_mirror(file, str(name).rstrip(":"), entry, defaults, environment))
    ]
    if not found:
        raise FetchError(f"{file}: names no mirror of binaries; name another file")
    return found


def read_mirror(
    file: Path, name: str, entry: object, defaults: BucketOptions, environment: Mapping[str, str]
) -> ConfiguredMirror | None:
    """Read one mirror; return None if it is not a binary mirror."""
    top = {"url": entry} if isinstance(entry, str) else entry
    if not isinstance(top, dict):
        raise FetchError(f"{file}: mirror {name}: expected a URL or keys; correct it")
    if top.get("binary") is False:
        return None
    fetch = top.get("fetch", top.get("pull"))
    values = top | ({"url": fetch} if isinstance(fetch, str) else fetch or {})
    for key in ("url", "view", "profile", "endpoint_url"):
        if values.get(key) is not None and not isinstance(values[key], str):
            raise FetchError(f"{file}: mirror {name}: {key}: expected text; correct it")
    url = values.get("url")
    if not url:
        raise FetchError(f"{file}: mirror {name}: no url; add it")
    pair = read_pair(file, name, values.get("access_pair"), environment)
    token = values.get("access_token")
    if variable := values.get("access_token_variable"):
        token = read_variable(file, name, variable, environment)
    is_bucket = url.partition("://")[0].lower() in BUCKET_SCHEMES
    login = pair
    if token and not is_bucket and not pair:
        login = Login("", str(token))
    return ConfiguredMirror(
        name,
        url,
        values.get("view"),
        login,
        replace(
            defaults,
            endpoint_url=values.get("endpoint_url") or defaults.endpoint_url,
            profile=values.get("profile") or defaults.profile,
            login=pair if is_bucket else None,
            session_token=str(token) if token and is_bucket else None,
        ),
    )


def read_pair(file: Path, name: str, pair: object, environment: Mapping[str, str]) -> Login | None:
    """Read a user name and password, or an access key ID and secret."""
    match pair:
        case None:
            return None
        case [str(user_id), str(password)]:
            return Login(user_id, password)
        case {"secret_variable": secret, **rest}:
            variable = rest.get("id_variable")
            named = read_variable(file, name, variable, environment) if variable else None
            user = named or rest.get("id")
            if isinstance(user, str):
                return Login(user, read_variable(file, name, secret, environment))
    raise FetchError(
        f"{file}: mirror {name}: access_pair: expected id or id_variable, and secret_variable; "
        "correct it"
    )


def read_variable(file: Path, name: str, variable: object, environment: Mapping[str, str]) -> str:
    """Return the value of an environment variable named by a mirror."""
    value = environment.get(str(variable))
    if not value:
        raise FetchError(f"{file}: mirror {name}: the environment has no {variable}; set it")
    return value
