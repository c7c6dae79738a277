"""A TCP proxy on loopback that delays, cuts, alters or refuses what goes through it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Alter = Callable[[bytes], bytes]


class Proxy:
    """Forwards to ``target``, a port on loopback. The switches may be set at any time.

    ``delay``: seconds before each piece of an answer. ``cut``: bytes of an answer after which the connection ends.
    ``cut_requests``: the same for requests. ``narrow``: seconds for each 64 KiB of a request. ``drip``: an answer goes
    a byte at a time, this many seconds apart. ``alter``: changes each piece of an answer. ``connections``: their
    number so far.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        self.drip = 0.0
        self.narrow = 0.0
        self.cut: int | None = None
        self.cut_requests: int | None = None
        self.alter: Alter = bytes
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def drop(self) -> None:
        """End all connections as they are; new ones are accepted."""
        for each in list(self._open):
            _end(each)

    def close(self) -> None:
        """End all connections and refuse new ones."""
        _end(self._listener)
        self.drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller = self._listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            _end(caller)
            return
        for each in (caller, server):
            # Else each answer in two small pieces would wait 40 ms for a delayed acknowledgement.
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open |= {caller, server}
        threading.Thread(target=self._pass, args=(caller, server, self._request), daemon=True).start()
        self._pass(server, caller, self._answer)

    def _pass(
        self, source: socket.socket, sink: socket.socket, send: Callable[[socket.socket, bytes, int], bool]
    ) -> None:
        done = 0
        with suppress(OSError):
            while (piece := source.recv(65536)) and send(sink, piece, done):
                done += len(piece)
        for each in (source, sink):
            _end(each)
            self._open.discard(each)

    def _request(self, sink: socket.socket, piece: bytes, done: int) -> bool:
        time.sleep(self.narrow * len(piece) / 65536)
        limit = self.cut_requests
        sink.sendall(piece if limit is None else piece[: max(limit - done, 0)])
        return limit is None or done + len(piece) < limit

    def _answer(self, sink: socket.socket, piece: bytes, done: int) -> bool:
        time.sleep(self.delay)
        piece = self.alter(piece)
        limit = self.cut
        for part in _split(piece if limit is None else piece[: max(limit - done, 0)], bool(self.drip)):
            time.sleep(self.drip)
            sink.sendall(part)
        return limit is None or done + len(piece) < limit


class Wire(Proxy):
    """A proxy that keeps all that goes through it."""

    def __init__(self, target: int) -> None:
        self.seen = bytearray()
        super().__init__(target)

    def _request(self, sink: socket.socket, piece: bytes, done: int) -> bool:
        self.seen += piece
        return super()._request(sink, piece, done)

    def _answer(self, sink: socket.socket, piece: bytes, done: int) -> bool:
        self.seen += piece
        return super()._answer(sink, piece, done)


def _split(piece: bytes, singly: bool) -> list[bytes]:
    return [piece[at : at + 1] for at in range(len(piece))] if singly else [piece]


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
