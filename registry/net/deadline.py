"""One time limit for a whole exchange: when it expires, the connection is shut down.

A socket's own timeout is not enough, because it starts anew with each byte that arrives.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Self


class Deadline:
    """Shuts down the attached connection after ``seconds``; use it as a context manager."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends_at = time.monotonic() + seconds
        self.expired = False
        self.connection: socket.socket | None = None

    def attach(self, connected: socket.socket) -> None:
        """Limit this connection from now on; shut it down at once if the time is over."""
        self.connection = connected
        if self.expired:
            self.expire()

    def expire(self) -> None:
        """End the time now, and with it the connection."""
        self.expired = True
        # The peer may have ended it in the same moment. The plain socket is shut down, without TLS's own goodbye: a
        # thread that reads from it then sees an end and no error.
        with suppress(OSError):
            if self.connection is not None:
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        _timer.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _timer.remove(self)


class _Timer:
    """One thread for all deadlines: to start one for each would take longer than most answers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: set[Deadline] = set()
        self._thread: threading.Thread | None = None
        self._wakes = math.inf

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, daemon=True)
                thread.start()  # fails where there are too many threads: the next deadline tries again
                self._thread = thread
            self._deadlines.add(deadline)
            if deadline.ends_at < self._wakes:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        with self._changed:
            self._deadlines.discard(deadline)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for late in [each for each in self._deadlines if each.ends_at <= now]:
                    self._deadlines.discard(late)
                    late.expire()
                self._wakes = min((each.ends_at for each in self._deadlines), default=math.inf)
                self._changed.wait(min(self._wakes - now, threading.TIMEOUT_MAX))


_timer = _Timer()


def _renew_timer() -> None:
    global _timer
    _timer = _Timer()


# After a fork the timer's thread does not exist in the child, and its lock may have been held in that moment.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_timer)
