"""Objects in S3, Google Cloud Storage and Azure buckets, through obstore (the extra `[buckets]`).

Credentials come from the environment, and from the profile that AWS's own tools would use. Without
any, requests are anonymous. The role of a cloud instance is not looked up, since that takes long
outside of a cloud.
"""

from __future__ import annotations

import asyncio
import configparser
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipeline.errors import FetchError
from pipeline.fetch.content import CHUNK_BYTES
from pipeline.fetch.http import Answer
from pipeline.fetch.urls import Login

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Store = AzureStore | GCSStore | S3Store

DEFAULT_REGION = "us-east-1"
STATUS = re.compile(r"status(?: code)?:? (\d{3}[A-Za-z -]*)")
CODE = re.compile(r"<Code>(\w+)</Code>")
# Variables that show that the environment has credentials; without any, requests are anonymous.
AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
GOOGLE_VARIABLES = (
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_BEARER_TOKEN",
)
AZURE_VARIABLES = (
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_STORAGE_TOKEN",
    "AZURE_FEDERATED_TOKEN_FILE",
)


@dataclass(frozen=True)
class BucketOptions:
    """Settings for buckets; None: from the environment or profile."""

    endpoint_url: str | None = None
    region: str | None = None
    is_anonymous: bool = False
    profile: str | None = None
    login: Login | None = None  # access key ID and secret
    session_token: str | None = None


class BucketError(Exception):
    """An object store's error response, with its HTTP status if known."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class BucketClient:
    """Reads objects and lists folders of buckets, each by its URL."""

    def __init__(self, options: BucketOptions, timeout: float) -> None:
        self.options = options
        self.timeout = timeout
        self.stores: dict[str, Store] = {}  # by scheme and bucket

    @asynccontextmanager
    async def open(self, url: str, etag: str | None = None) -> AsyncIterator[Answer | None]:
        """Read an object; None if its ETag is unchanged."""
        import obstore
        from obstore.exceptions import NotModifiedError

        store, path = self._locate(url)
        with said_shortly():
            try:
                async with asyncio.timeout(self.timeout):
                    result = await obstore.get_async(
                        store, path, options={"if_none_match": etag} if etag else {}
                    )
            except NotModifiedError:
                yield None
                return
        modified = result.meta["last_modified"]
        yield Answer(
            self._chunks(result),
            None,
            result.meta["e_tag"],
            modified.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        )

    async def _chunks(self, result: Any) -> AsyncIterator[bytes]:
        """Yield an object's bytes; the timeout is for each chunk."""
        chunks = result.stream(min_chunk_size=CHUNK_BYTES).__aiter__()
        while True:
            with said_shortly():
                try:
                    async with asyncio.timeout(self.timeout):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
            yield bytes(chunk)

    async def list_folders(self, url: str) -> list[str]:
        """Return the names of the folders directly below one; none if listing is not allowed."""
        import obstore

        store, path = self._locate(url)
        try:
            async with asyncio.timeout(self.timeout):
                listed = await obstore.list_with_delimiter_async(store, path)
        except (OSError, obstore.exceptions.BaseError, TimeoutError):
            return []
        return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in listed["common_prefixes"])

    def _locate(self, url: str) -> tuple[Store, str]:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in self.stores:
            self.stores[place] = open_store(parts.scheme, parts.netloc, self.options, self.timeout)
        return self.stores[place], unquote(parts.path.strip("/"))


def open_store(scheme: str, bucket: str, options: BucketOptions, timeout: float) -> Store:
    """Return obstore's client for a bucket.

    Raises
    ------
    FetchError
        The extra is not installed, or the environment's settings can't be used.
    """
    try:
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError as error:
        raise FetchError(
            f"{scheme}://{bucket}: reading buckets needs the optional package obstore; install it "
            "with: pip install 'cache-coverage[buckets]'"
            + (", or name with --s3-host what serves the bucket over HTTP" * (scheme == "s3"))
        ) from error
    classes = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    configs = {"s3": s3_config, "gs": google_config, "az": azure_config}
    config = configs[scheme](options, os.environ)
    endpoint = config.get("endpoint") or config.get("base_url") or ""
    try:
        store: Store = classes[scheme](
            bucket,
            config=config,
            client_options={
                "connect_timeout": timedelta(seconds=timeout),
                "read_timeout": timedelta(seconds=timeout),
                "allow_http": endpoint.startswith("http://"),
            },
            retry_config={"max_retries": 0},  # `Downloads` retries, as with any other server
        )
    except Exception as error:
        raise FetchError(
            f"{scheme}://{bucket}: the bucket's settings can't be used "
            f"({type(error).__name__}); check the endpoint, region and credentials"
        ) from error
    return store


def s3_config(options: BucketOptions, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return obstore's settings for S3: from the options, the environment or a profile."""
    profile = read_aws_profile(options.profile, environment)
    # An explicit profile has precedence over keys in the environment, as in AWS's own tools.
    has_keys = bool(profile.get("aws_access_key_id"))
    uses_profile = has_keys and (options.profile or not environment.get("AWS_ACCESS_KEY_ID"))
    config: dict[str, Any] = {
        "region": options.region
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or profile.get("region")
        or DEFAULT_REGION
    }
    endpoint = (
        options.endpoint_url
        or environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    if endpoint:
        config["endpoint"] = endpoint.rstrip("/")
    if options.is_anonymous:
        config["skip_signature"] = True
    elif options.login:
        config["access_key_id"], config["secret_access_key"] = options.login
        if options.session_token:
            config["session_token"] = options.session_token
    elif uses_profile:
        config["access_key_id"] = profile["aws_access_key_id"]
        config["secret_access_key"] = profile.get("aws_secret_access_key", "")
        if "aws_session_token" in profile:
            config["session_token"] = profile["aws_session_token"]
    elif not any(map(environment.get, AWS_VARIABLES)):
        config["skip_signature"] = True
    return config


def google_config(options: BucketOptions, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return obstore's settings for Google Cloud Storage."""
    config: dict[str, Any] = {}
    if options.endpoint_url:
        config["base_url"] = options.endpoint_url.rstrip("/")
    own = Path(environment.get("HOME", "~"), ".config/gcloud/application_default_credentials.json")
    if options.is_anonymous or not (any(map(environment.get, GOOGLE_VARIABLES)) or own.is_file()):
        config["skip_signature"] = True
    return config


def azure_config(options: BucketOptions, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return obstore's settings for Azure; the account must be in the environment."""
    account = options.login.user if options.login else environment.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise FetchError("az://: the storage account is not known; set AZURE_STORAGE_ACCOUNT_NAME")
    config: dict[str, Any] = {"account_name": account}
    if options.endpoint_url:
        config["endpoint"] = options.endpoint_url.rstrip("/")
    if options.login and not options.is_anonymous:
        config["account_key"] = options.login.password
    elif options.is_anonymous or not any(map(environment.get, AZURE_VARIABLES)):
        config["skip_signature"] = True
    return config


def read_aws_profile(name: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Read a profile from AWS's configuration files: keys, region and endpoint.

    Raises
    ------
    FetchError
        The given profile is in neither file, or a file can't be read.
    """
    home = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    wanted = name or environment.get("AWS_PROFILE") or "default"
    credentials = environment.get("AWS_SHARED_CREDENTIALS_FILE") or str(home / "credentials")
    config = environment.get("AWS_CONFIG_FILE") or str(home / "config")
    sections = ((config, f"profile {wanted}"), (config, wanted), (credentials, wanted))
    found: dict[str, str] = {}
    is_there = False
    for file, section in sections:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            raise FetchError(
                f"{file}: can't be read as an AWS configuration file ({type(error).__name__}); "
                "correct it, or name another with AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE"
            ) from error
        if parser.has_section(section):
            is_there = True
            found |= dict(parser.items(section))
    if not is_there and wanted != "default":
        raise FetchError(f"no AWS profile {wanted!r} in {config} or {credentials}; name another")
    return found


@contextmanager
def said_shortly() -> Iterator[None]:
    """Turn obstore's errors into BucketError, since their texts have URLs and may have key IDs."""
    from obstore.exceptions import (
        BaseError,
        PermissionDeniedError,
        UnauthenticatedError,
    )

    try:
        yield
    except FileNotFoundError as error:
        raise BucketError("HTTP 404 Not Found", 404) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        status = 401 if isinstance(error, UnauthenticatedError) else 403
        code = CODE.search(str(error))
        raise BucketError(f"HTTP {status}{f' {code[1]}' if code else ''}", status) from error
    except TimeoutError as error:
        raise BucketError("nothing arrived in time") from error
    except (BaseError, OSError) as error:
        text = str(error)
        status_match, code = STATUS.search(text), CODE.search(text)
        found = [match[1].strip() for match in (status_match, code) if match]
        number = int(status_match[1][:3]) if status_match else None
        message = f"HTTP {' '.join(found)}" if status_match else "no answer from the object store"
        raise BucketError(message, number) from error
