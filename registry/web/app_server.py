"""Serves the person's app at http://localhost:PORT, to browsers on this machine. It is static, so any server could.

Passkeys need the name localhost. A page elsewhere can reach a server on loopback too, so ``Host`` must be that name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from types import TracebackType
from typing import NamedTuple, Self

from registry.core.errors import InvalidInput
from registry.http.loopback import NO_STORE, LoopbackHandler, LoopbackServer, reserve
from registry.web.app_config import AppConfig

ADDRESS, TWIN, NAME, PORT = "127.0.0.1", "::1", "localhost", 8900
CONFIG = "/config.json"
# The build gives each file below it a name with the hash of its bytes.
_HASHED = "/assets/"
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class _File(NamedTuple):
    kind: str
    body: bytes


def app_policy(loopback_origins: Iterable[str] = ()) -> str:
    """Return the app's Content-Security-Policy; elsewhere than https it may ask only these origins of this machine."""
    asked = " ".join(["'self'", "https:", *loopback_origins])
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src {asked}; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types svelte-trusted-html consent-worker"
    )


class AppServer(LoopbackServer):
    """Serves the app and its ``config.json`` in a thread, until it is closed. ``port`` 0 takes a free one."""

    # The app's data belongs to this port of localhost, so the next run must get it at once.
    allow_reuse_address = os.name == "posix"

    def __init__(self, config: AppConfig, port: int = PORT) -> None:
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            advice = "End the program that has it, or choose another with --port."
            raise InvalidInput(f"cannot listen on port {port}: {error.strerror}", advice) from None
        port = self.server_address[1]
        try:
            self._twin = reserve(TWIN, port)
        except InvalidInput:
            self.server_close()
            raise
        self.host = f"{NAME}:{port}"
        self.url = f"http://{self.host}/"
        self.policy = app_policy(config.loopback_origins)
        self.config = config.encode()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; when this returns, the port refuses connections."""
        self.shutdown()
        self.server_close()
        if self._twin is not None:
            self._twin.close()
        self._thread.join()


class _Handler(LoopbackHandler):
    server: AppServer

    def do_GET(self) -> None:  # noqa: N802  # http.server names it so
        if not self.is_to_us():
            return self.send_error(403)
        path = self.path.split("?", 1)[0]
        if path == CONFIG:
            return self._give(_File(_KINDS[".json"], self.server.config), path)
        found = app_files().get("/index.html" if path == "/" else path)
        return self.send_error(404) if found is None else self._give(found, path)

    do_HEAD = do_GET  # noqa: N815

    def _give(self, file: _File, path: str) -> None:
        caching = _FOREVER if path.startswith(_HASHED) else NO_STORE
        headers = {"Content-Type": file.kind, "Content-Security-Policy": self.server.policy, **caching}
        self.reply(200, file.body, headers)


@cache
def app_files() -> dict[str, _File]:
    """Return the app's files as they were built, by path; they are read once."""
    return dict(_below(files("registry") / "data" / "web" / "app", "/"))


def _below(folder: Traversable, path: str) -> Iterable[tuple[str, _File]]:
    for each in folder.iterdir():
        name = f"{path}{each.name}"
        if each.is_dir():
            yield from _below(each, f"{name}/")
        else:
            yield name, _File(_KINDS.get(PurePosixPath(name).suffix, "application/octet-stream"), each.read_bytes())
