"""An HTTP server on loopback that answers every request as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """An answer. ``length`` is the announced Content-Length; None means the body's own, -1 means none."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    repeat: int = 1


class Asked(NamedTuple):
    """A received request."""

    path: str
    headers: dict[str, str]


Respond = Callable[[Asked], Answer]


class Served(NamedTuple):
    """The server's port, and the requests that it received."""

    port: int
    asked: list[Asked]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def answering(respond: Respond) -> Iterator[Served]:
    """Run the server for as long as the block lasts."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = Asked(self.path, dict(self.headers.items()))
            asked.append(request)
            answer = respond(request)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.length != -1:
                self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
            self.end_headers()
            try:
                for _ in range(answer.repeat):
                    self.wfile.write(answer.body)
            except OSError:
                # The client hung up.
                return

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield Served(server.server_address[1], asked)
    finally:
        server.shutdown()
        server.server_close()
