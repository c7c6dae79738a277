"""Work that goes on until it is told to stop, in a thread of a service."""

from __future__ import annotations

import threading
from collections.abc import Callable

from registry.core.errors import CouldNotCheck

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0


class Loop:
    """Calls ``work`` until it is told to stop. ``work`` returns the pause after it; None backs off further and further.

    A database that is away is waited for. Any other failure is a fault of this program: it ends the worker.
    """

    def __init__(self, work: Callable[[], float | None], stop: threading.Event) -> None:
        self._work, self._stop = work, stop
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Work. Returns once ``stop`` is set, or after a failure, which sets it."""
        backoff = _FIRST_PAUSE
        while not self._stop.is_set():
            try:
                pause = self._work()
            except CouldNotCheck:
                pause = None
            except BaseException as error:
                self.failure = error
                self._stop.set()
                return
            self._stop.wait(backoff if pause is None else pause)
            backoff = min(2 * backoff, _LONGEST_PAUSE) if pause is None else _FIRST_PAUSE
