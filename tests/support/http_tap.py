"""A proxy on loopback that keeps what goes through it, connection by connection."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.tcp_proxy import Proxy

Send = Callable[[socket.socket, bytes, int], bool]
_REQUEST = re.compile(rb"(?:^|\r\n\r\n|[}\]\n])(GET|POST|PUT|DELETE|OPTIONS|HEAD) (\S+) HTTP/1\.1\r\n")


@dataclass
class Connection:
    """What one connection carried: ``asked`` by its caller, and ``answered``."""

    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(method.decode(), path.decode("latin-1")) for method, path in _REQUEST.findall(bytes(self.asked))]


class Tap(Proxy):
    """Forwards to ``target``, which may be set later, and keeps what each connection carried in ``heard``."""

    def __init__(self, target: int = 0) -> None:
        # By the two sockets of a connection, which stay referenced: an identity is never used twice.
        self._heard: dict[frozenset[socket.socket], Connection] = {}
        self._guard = threading.Lock()
        super().__init__(target)

    @property
    def heard(self) -> list[Connection]:
        """Every connection so far, the first first."""
        with self._guard:
            return list(self._heard.values())

    @property
    def seen(self) -> bytes:
        """All bytes, both ways, connection after connection."""
        return b"\n".join(bytes(each.asked) + b"\n" + bytes(each.answered) for each in self.heard)

    def _pass(self, source: socket.socket, sink: socket.socket, send: Send) -> None:
        with self._guard:
            own = self._heard.setdefault(frozenset((source, sink)), Connection())
        kept = own.asked if send == self._request else own.answered

        def keeping(to: socket.socket, piece: bytes, done: int) -> bool:
            kept.extend(piece)
            return send(to, piece, done)

        super()._pass(source, sink, keeping)
