"""A time limit for all of an attempt, kept by ending its connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Watch:
    """Ends what it is set ``over`` once ``seconds`` are over: a socket's own limit begins anew with each byte."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.struck = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True

    @property
    def is_set(self) -> bool:
        """Whether there was a connection."""
        return self._socket is not None

    def over(self, connected: socket.socket) -> None:
        """This is the attempt's connection from now on."""
        self._socket = connected
        if self.struck:
            self._end()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _strike(self) -> None:
        self.struck = True
        self._end()

    def _end(self) -> None:
        # It may have ended by itself in the same moment. Not as TLS would: whoever reads there sees an end, no ruin.
        with suppress(OSError):
            if self._socket is not None:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
