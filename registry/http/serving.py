"""Serves an app by uvicorn: in the foreground until SIGTERM or Ctrl-C, or in a thread until it is closed."""

from __future__ import annotations

import gc
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from registry.core.errors import InvalidInput
from registry.http.connections import Connection

HOST = "127.0.0.1"
# Requests at once, endless answers among them. uvicorn answers 503 to more.
MOST_AT_ONCE = 1_024
GRACE_SECONDS = 10
BACKLOG = 2_048
START_SECONDS = 30.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """uvicorn, which returns after a signal instead of raising it again: the caller has work to finish."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in _SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for stop in self.config.app.state.at_stop:  # type: ignore[union-attr]  # always the FastAPI of `_server`
            stop()
        await super().shutdown(sockets)


class Server:
    """An app that is being served. Use it in a ``with``, which runs it in a thread, or call `run`."""

    def __init__(self, app: FastAPI, host: str = HOST, port: int = 0, tls: tuple[Path, Path] | None = None) -> None:
        self._socket = _bound(host, port)
        self._server = _server(app, tls)
        self._thread = threading.Thread(target=self._run, daemon=True)
        name, chosen = self._socket.getsockname()[:2]
        self.url = f"{'http' if tls is None else 'https'}://{f'[{name}]' if ':' in name else name}:{chosen}"

    def run(self) -> None:
        """Serve until SIGTERM, Ctrl-C or `stop`; requests under way are finished first, for at most 10 s.

        Call it once everything is loaded. Later full collections of garbage pass over that: they would stop all
        requests for a tenth of a second, and find nothing.
        """
        gc.collect()
        gc.freeze()
        self._run()

    def stop(self) -> None:
        """Begin to stop. Safe from any thread."""
        self._server.should_exit = True

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def __enter__(self) -> Self:
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.01)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.01)
        if not self._server.started:
            self.stop()
            raise InvalidInput("the server did not start", "Look at its log.")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
        self._thread.join()


def serve(app: FastAPI, host: str = HOST, port: int = 0, tls: tuple[Path, Path] | None = None) -> None:
    """Serve in the foreground until SIGTERM or Ctrl-C. ``tls``: the files of the certificates and of the key, PEM."""
    Server(app, host, port, tls).run()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With its protocol named, asyncio turns Nagle's algorithm off; otherwise answers wait for 40 ms.
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, error) from None
    return bound


def _cannot_listen(host: str, port: int, error: OSError) -> InvalidInput:
    reason = error.strerror or str(error)
    return InvalidInput(f"cannot listen on {host} port {port}: {reason}", "Choose another host or port.")


def _server(app: FastAPI, tls: tuple[Path, Path] | None) -> _Server:
    chain, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,  # the service's own line for each request has no address and no query
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `callers` reads X-Forwarded-For, and only from configured proxies
        ws="none",
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=chain,
        ssl_keyfile=key,
    )
    return _Server(config)
