"""Serves a `Page` over HTTP: three public files, and requests that only the page's owner may make.

Other pages in the same browser can reach a server on 127.0.0.1 too. So ``Host`` must be this very address, which
refuses names that were made to resolve here. Every request but those for the files must also come from this very page:
``Origin``, ``Sec-Fetch-Site``, and the token or key in a header.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import msgspec

from registry.wallets.page_protocol import Page
from registry.wallets.peer_uid import GONE, is_strangers, user_of

MAX_BODY = 65_536
SOCKET_SECONDS = 10.0
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_OUR_SITES = (None, "same-origin", "none")
# No nesting, because depth can overflow a decoder's stack.
_decoder: Any = msgspec.json.Decoder(str | int | None)


class PageServer:
    """Serves one page on a free port of 127.0.0.1 until it is closed."""

    def __init__(self, page: Page) -> None:
        self._server = _Server(page)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"{self._server.origin}/#{page.token}"

    def close(self) -> None:
        """Stop listening; when this returns, the port refuses connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # On some systems, reuse lets another process take the port over.
    allow_reuse_address = False

    def __init__(self, page: Page) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = page

    def server_bind(self) -> None:
        # HTTPServer's own looks up the name of 127.0.0.1, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.origin = f"http://{self.host}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore pages that leave in the middle of an answer, and keep requests out of logs."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SOCKET_SECONDS

    def do_GET(self) -> None:
        path = self.path.split("?", 1)[0]
        # A link to the page may be followed from anywhere. Only the page itself loads its other files.
        if not self._is_to_us() or (path != "/" and not self._is_from_us()):
            return self.send_error(403)
        if path not in _FILES:
            return self.send_error(404)
        name, kind = _FILES[path]
        return self._answer(200, kind, _file(name))

    def do_POST(self) -> None:
        is_ours = self.headers.get("Origin") == self.server.origin and self._is_from_us()
        if not is_ours or not self._is_to_us():
            return self.send_error(403)
        try:
            body = self._body()
        except ValueError:
            return self.send_error(400)
        if self.path == "/claim":
            return self._claim()
        if not self.server.page.owns(self.headers.get("Consent-Key", "")):
            return self.send_error(403)
        return self._dispatch(body)

    def _claim(self) -> None:
        user = user_of(self.client_address, self.connection.getsockname())
        if user == GONE:
            return self.send_error(403)  # the socket is closed, so its user is unknown
        key = self.server.page.claim(self.headers.get("Consent-Token", ""), is_strangers(user))
        if not key:
            return self.send_error(403 if key is None else 409)
        return self._json({"key": key})

    def _dispatch(self, body: str | int | None) -> None:
        page, event = self.server.page, self.path[1:]
        if event == "state" and type(body) is int:
            return self._state(page, body)
        if event in ("account", "answer", "problem", "stop"):
            return self._json({}) if page.say(event, body) else self.send_error(409)
        if event == "asked" and body in (1, -1):
            return self._json({}) if page.ask(int(body)) else self.send_error(409)
        act: Callable[[], Any] | None = {"leave": page.leave, "more": page.extend, "elsewhere": page.hand_on}.get(event)
        return self.send_error(404) if act is None else self._json({"token": act()})

    def _state(self, page: Page, seen: int) -> None:
        state = page.news(seen)
        self._json(state)
        if state["stage"] == "done":
            page.take_leave()

    def _is_to_us(self) -> bool:
        return self.headers.get_all("Host") == [self.server.host]

    def _is_from_us(self) -> bool:
        return self.headers.get("Sec-Fetch-Site") in _OUR_SITES

    def _body(self) -> str | int | None:
        """Return the request's JSON; ValueError (msgspec's errors are some) if it is invalid or too long."""
        length = int(self.headers.get("Content-Length", ""))
        if self.headers.get("Content-Type") != "application/json" or not 0 < length <= MAX_BODY:
            raise ValueError
        body: str | int | None = _decoder.decode(self.rfile.read(length))
        return body

    def _json(self, document: dict[str, Any]) -> None:
        self._answer(200, "application/json", msgspec.json.encode(document))

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer without a body: the standard one would repeat the request."""
        self._answer(int(code), "text/plain; charset=utf-8", b"")

    def version_string(self) -> str:
        return "consent"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@cache
def _file(name: str) -> bytes:
    return (files("registry.wallets") / "page" / name).read_bytes()
