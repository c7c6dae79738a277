"""Serves pages to browsers on this machine, by the standard library alone. Nothing is logged."""

from __future__ import annotations

import errno
import socket
import socketserver
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from registry.core.errors import InvalidInput

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_STORE = {"Cache-Control": "no-store"}


class LoopbackServer(ThreadingHTTPServer):
    """Listens on one address of loopback. ``host`` is the only ``Host`` that it answers to; set it when it listens."""

    daemon_threads = True
    # On some systems, reuse lets another process take the port over.
    allow_reuse_address = False
    # HTTPServer's own looks up the name of 127.0.0.1, which can take seconds.
    server_bind = socketserver.TCPServer.server_bind
    host = ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore pages that leave in the middle of an answer, and keep requests out of logs."""


class LoopbackHandler(BaseHTTPRequestHandler):
    """Answers without telling what it runs on, and never repeats a request."""

    server: LoopbackServer
    timeout = 10.0  # seconds, for each read and write

    def is_to_us(self) -> bool:
        """Tell whether ``Host`` is our own name: a page elsewhere can make its own name resolve here."""
        return self.headers.get_all("Host") == [self.server.host]

    def reply(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send an answer with these headers and `HEADERS`; to HEAD without its body."""
        self.send_response(code)
        for name, value in {**HEADERS, **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer without a body: the standard one would repeat the request."""
        self.reply(int(code), b"", {"Content-Type": "text/plain; charset=utf-8", **NO_STORE})

    def version_string(self) -> str:
        """Name the program, and no version."""
        return "consent"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def reserve(address: str, port: int) -> socket.socket | None:
    """Keep other programs off this port of an IPv6 address, where a browser may look for a name first.

    Return the socket that holds it, None where there is no IPv6. ``InvalidInput`` where another program has it.
    """
    try:
        twin = socket.socket(socket.AF_INET6)
    except OSError:
        return None  # there is no IPv6
    try:
        # Without SO_REUSEADDR: a socket that only binds would let another program with it listen there.
        twin.bind((address, port))
    except OSError as error:
        twin.close()
        if error.errno == errno.EADDRINUSE:
            raise InvalidInput(f"another program has port {port} of {address}", "Run the command again.") from None
        return None
    return twin
