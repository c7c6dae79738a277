"""Serves a `Page` over HTTP: three public files, built from ``js/wallet``, and requests that its owner alone may make.

A browser keeps what a program served at an origin, and a service worker answers there before any server does. So each
page has an origin that nobody can guess (`own_host`).

Other pages in the same browser can reach a server on loopback too. So ``Host`` must be this very host, which refuses
names that were made to resolve here. Every request but those for the files must also come from this very page:
``Origin``, ``Sec-Fetch-Site``, and the token or key in a header. The link to a page is on the browser's command line,
where all users can read it; Linux says which user a connection belongs to, so another user who has read it is refused.
"""

from __future__ import annotations

import os
import platform
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from registry.core.errors import InvalidInput
from registry.http.loopback import NO_STORE, LoopbackHandler, LoopbackServer, reserve
from registry.wallets.page_protocol import Page

MAX_BODY = 65_536
# A program may reach an IPv4 address through an IPv6 socket, so both tables count.
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
GONE = -1
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    **NO_STORE,
}
# No nesting, because depth can overflow a decoder's stack.
_decoder: msgspec.json.Decoder[str | int | None] = msgspec.json.Decoder(str | int | None)


class PageServer(LoopbackServer):
    """Serves one page on a free port of loopback, at an origin of its own, until it is closed."""

    def __init__(self, page: Page) -> None:
        address, name = own_host()
        super().__init__((address, 0), _Handler)
        self.page = page
        port = self.server_address[1]
        try:
            self._twin = None if name == address else reserve("::1", port)
        except InvalidInput:
            self.server_close()
            raise
        self.host = f"{name}:{port}"
        self.origin = f"http://{self.host}"
        self.url = f"{self.origin}/#{page.token}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; when this returns, the port refuses connections."""
        self.shutdown()
        self.server_close()
        if self._twin is not None:
            self._twin.close()
        self._thread.join()


class _Handler(LoopbackHandler):
    server: PageServer

    def do_GET(self) -> None:  # noqa: N802  # http.server names it so
        path = self.path.split("?", 1)[0]
        # A link to the page may be followed from anywhere. Only the page itself loads its other files.
        if not self.is_to_us() or (path != "/" and not self._is_from_us()):
            return self.send_error(403)
        if path not in _FILES:
            return self.send_error(404)
        if path == "/":
            self.server.page.load()
        name, kind = _FILES[path]
        return self._answer(200, kind, _file(name))

    def do_POST(self) -> None:  # noqa: N802
        is_ours = self.headers.get("Origin") == self.server.origin and self._is_from_us()
        if not is_ours or not self.is_to_us():
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
            page.heard_end.set()

    def _is_from_us(self) -> bool:
        return self.headers.get("Sec-Fetch-Site") in (None, "same-origin", "none")

    def _body(self) -> str | int | None:
        """Return the request's JSON; ValueError (msgspec's errors are some) if it is invalid or too long."""
        length = int(self.headers.get("Content-Length", ""))
        if self.headers.get("Content-Type") != "application/json" or not 0 < length <= MAX_BODY:
            raise ValueError
        return _decoder.decode(self.rfile.read(length))

    def _json(self, document: dict[str, Any]) -> None:
        self._answer(200, "application/json", msgspec.json.encode(document))

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.reply(code, body, {**_HEADERS, "Content-Type": kind})

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer without a body, and with the page's policy."""
        self._answer(int(code), "text/plain; charset=utf-8", b"")


def own_host() -> tuple[str, str]:
    """Return a loopback address to listen on, and the host of the page's URL: neither was used before.

    An address such as 127.83.201.6 needs no name, but macOS has 127.0.0.1 alone, and Windows forwards nothing else to
    its Linux. There the host is a random name below localhost, which Chromium and Firefox know to mean this computer.
    """
    address = "127." + ".".join(str(1 + byte % 254) for byte in secrets.token_bytes(3))
    with suppress(OSError), socket.socket() as probe:
        if "microsoft" not in platform.release().lower():
            probe.bind((address, 0))
            return address, address
    return "127.0.0.1", f"{secrets.token_hex(16)}.localhost"


@cache
def _file(name: str) -> bytes:
    return (files("registry") / "data" / "web" / "wallet" / name).read_bytes()


def is_strangers(user: int | None) -> bool:
    """Tell whether this is another user than ours and root; False if the system does not say who it is.

    If we are root, nobody is a stranger: with sudo, the browser belongs to another user.
    """
    return os.name == "posix" and os.getuid() != 0 and user not in (os.getuid(), 0, None)


def user_of(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Return the id of the user who owns the client's socket, ``GONE`` if it is closed, None if it is unknown."""
    ends = [_table_entry(*client), _table_entry(*server)]
    for table in TABLES:
        with suppress(OSError):
            for line in table.read_text("ascii").splitlines():
                fields = line.split()
                if [end[-13:] for end in fields[1:3]] == ends:
                    return int(fields[7]) if fields[9] != "0" else GONE
    return None


def _table_entry(host: str, port: int) -> str:
    """Format an address as in the tables: its 32 bits in this computer's byte order."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
