"""A time limit for all of an attempt, kept by ending its connection."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


class Deadline:
    """Ends what it is set ``over`` once ``seconds`` are over: a socket's own limit begins anew with each byte."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        self.struck = False
        self._socket: socket.socket | None = None

    @property
    def is_set(self) -> bool:
        """Whether there was a connection."""
        return self._socket is not None

    def over(self, connected: socket.socket) -> None:
        """This is the attempt's connection from now on."""
        self._socket = connected
        if self.struck:
            self._end()

    def strike(self) -> None:
        """The time is over."""
        self.struck = True
        self._end()

    def __enter__(self) -> Self:
        _clock.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _clock.remove(self)

    def _end(self) -> None:
        # It may have ended by itself in the same moment. Not as TLS would: whoever reads there sees an end, no ruin.
        with suppress(OSError):
            if self._socket is not None:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Clock:
    """One thread for all watches: one for each would take longer to begin than most answers take to come."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Deadline] = set()
        self._thread: threading.Thread | None = None
        self._wakes = math.inf

    def add(self, watch: Deadline) -> None:
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, daemon=True)
                thread.start()  # which fails where there are too many: the next watch tries again
                self._thread = thread
            self._watches.add(watch)
            if watch.deadline < self._wakes:
                self._changed.notify()

    def remove(self, watch: Deadline) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for late in [watch for watch in self._watches if watch.deadline <= now]:
                    self._watches.discard(late)
                    late.strike()
                self._wakes = min((watch.deadline for watch in self._watches), default=math.inf)
                self._changed.wait(min(self._wakes - now, threading.TIMEOUT_MAX))


_clock = _Clock()


def _new_clock() -> None:
    global _clock
    _clock = _Clock()


# In the new process no thread keeps the time, and its lock may have been held in the moment of the fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_clock)
