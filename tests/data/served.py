"""A made-up published file, a server on this machine that has it, and an empty cache."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ntknas.data import PUBLISHED, Kind, PublishedFile

CONTENT = bytes(range(256)) * 12_000  # several chunks
NAME, FILE = "made_up", "made_up.bin"


class Server(ThreadingHTTPServer):
    """A server whose paths say how it behaves; it keeps what was asked of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    def at(self, behaviour: str) -> str:
        """The address of the file under a behaviour."""
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/{FILE}"


class Handler(BaseHTTPRequestHandler):
    """whole: with ranges; plain: without; cut, stuck: breaks off; html, other, missing, range."""

    server: Server

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        span = self.headers["Range"]
        self.server.asked.append((behaviour, span))
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        content = {"html": b"<html>quota exceeded</html>", "other": CONTENT[::-1]}.get(
            behaviour, CONTENT
        )
        if behaviour == "missing":
            self.send_error(404)
            return
        if behaviour in ("plain", "html"):
            start = 0
        if start >= len(content) or behaviour == "range":  # which asks for another range
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if behaviour == "html" else "application/gzip")
        self.send_header("Content-Length", str(len(content) - start))
        if behaviour == "gzip":
            self.send_header("Content-Encoding", "x-gzip")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if behaviour == "stuck" and start:
            return
        stop = start + len(content) // 3 if behaviour in ("cut", "stuck") else len(content)
        self.wfile.write(content[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A server that runs for the length of a test."""
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def data_cache(tmp_path, monkeypatch) -> Path:
    """The folder of published files of an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NTKNAS_DATA", raising=False)
    monkeypatch.delenv("NTKNAS_MIRROR", raising=False)
    return tmp_path / "cache" / "ntknas" / "data"


@pytest.fixture
def published(data_cache, server) -> Iterator[PublishedFile]:
    """A published file whose first address is missing and whose second is whole."""
    yield PUBLISHED.register(
        NAME,
        PublishedFile(
            Kind.IMAGES,
            FILE,
            "made-up bytes",
            len(CONTENT),
            f"sha256:{hashlib.sha256(CONTENT).hexdigest()}",
            (server.at("missing"), server.at("whole")),
            "these tests",
            "none",
        ),
    )
    PUBLISHED.remove(NAME)
