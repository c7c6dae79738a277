"""Tells a devnet when it has to end."""

from __future__ import annotations

import signal
from typing import Any


class Stop:
    """Sets ``asked`` when the devnet has to end: on Ctrl-C, on SIGTERM, or when its terminal has gone.

    It is a flag and not an exception, so that no step is interrupted halfway.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        for number in filter(None, (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))):
            # If the parent ignores a signal (nohup ignores SIGHUP), leave it ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` if the devnet has to end."""
        if self.asked:
            raise KeyboardInterrupt

    def _request(self, *_: object) -> None:
        self.asked = True
