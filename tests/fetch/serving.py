"""A build cache on 127.0.0.1 for tests: files with validators, and faulty responses."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LIST = "cache_spack_io_index.json"
LAYOUT_2 = "build_cache/index.json"
LAYOUT_3 = "v3/manifests/index/index.manifest.json"


class Asked(NamedTuple):
    """A request, and the status of its response; 0 for an incomplete one."""

    path: str
    headers: dict[str, str]
    status: int


class Handler(BaseHTTPRequestHandler):
    """One request to a site."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        """Respond as told or, by default, with the file at that path."""
        path = self.path.lstrip("/")
        told = self.site.answers[path]
        answer = told.pop(0) if told else send_file
        self.sent = 0
        with self.site.counted():
            try:
                answer(self)
            finally:
                self.site.asked.append(Asked(path, dict(self.headers), self.sent))

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a response; underscores in header names stand for hyphens."""
        self.sent = status
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


Answer = Callable[[Handler], None]


class Site:
    """The files of a cache by path, and prepared responses for some of them, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.asked: list[Asked] = []
        self.ends = threading.Event()
        self.lock = threading.Lock()
        self.open_count = self.most_open = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the concurrent requests."""
        with self.lock:
            self.open_count += 1
            self.most_open = max(self.most_open, self.open_count)
        try:
            yield
        finally:
            with self.lock:
                self.open_count -= 1

    def statuses(self) -> Counter[tuple[str, int]]:
        """Count the responses since the last call by path and status."""
        # A client may have its response before this server has recorded it.
        end = time.monotonic() + 1
        while self.open_count and time.monotonic() < end:
            time.sleep(0.005)
        asked, self.asked = self.asked, []
        return Counter((one.path, one.status) for one in asked)

    def lists(self, snapshots: dict[str, list[str]]) -> None:
        """Publish a list of snapshots with their stacks' files, those of root below `root/`."""
        listed = {
            tag: [
                {
                    "label": path.split("/")[0],
                    "url": f"s3://bucket/{tag}/{path.removeprefix('root/')}",
                }
                for path in paths
            ]
            for tag, paths in snapshots.items()
        }
        self.files[LIST] = json.dumps(listed).encode()

    def puts_layout_3(self, mirror: str, *indexes: tuple[int, bytes], **changes: Any) -> list[str]:
        """Publish a mirror of layout 3 with indexes of some versions; return its blobs' paths."""
        data, paths = [], []
        for version, content in indexes:
            checksum = hashlib.sha256(content).hexdigest()
            data.append(
                {
                    "contentLength": len(content),
                    "mediaType": f"application/vnd.spack.db.v{version}+json",
                    "compression": "none",
                    "checksumAlgorithm": "sha256",
                    "checksum": checksum,
                }
                | changes
            )
            paths.append(f"{mirror}blobs/sha256/{checksum[:2]}/{checksum}")
            self.files[paths[-1]] = content
        self.files[mirror + LAYOUT_3] = json.dumps({"version": 3, "data": data}).encode()
        return paths


@contextmanager
def serve() -> Iterator[Site]:
    """Run a site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        site = Site(f"http://127.0.0.1:{server.server_port}")
        server.RequestHandlerClass = type("SiteHandler", (Handler,), {"site": site})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.ends.set()
            server.shutdown()
            thread.join()


def send_file(handler: Handler) -> None:
    """Send a file, unless the client has it."""
    content = handler.site.files.get(handler.path.lstrip("/"))
    if content is None:
        handler.send(404)
        return
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    if handler.headers["If-None-Match"] == etag:
        handler.send(304, ETag=etag)
    else:
        handler.send(200, content, ETag=etag)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Return a response with this status."""
    return lambda handler: handler.send(code, body, **headers)


def cut_off(handler: Handler) -> None:
    """Announce a file, send half of it, and close the connection."""
    content = handler.site.files[handler.path.lstrip("/")]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def cut_off_unannounced(handler: Handler) -> None:
    """Send half of a file of unannounced length, and close the connection."""
    content = handler.site.files[handler.path.lstrip("/")]
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def stall(handler: Handler) -> None:
    """Send half of a file, then nothing more."""
    content = handler.site.files[handler.path.lstrip("/")]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.site.ends.wait()
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
