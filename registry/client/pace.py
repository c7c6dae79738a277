"""How soon a notary is asked again: as its ``Retry-After`` says, and it is left for the next one where that is long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from registry.net.http import Response

# So many seconds at most are waited for one answer. The next notary takes a commitment sooner than that.
MAX_PAUSE = 5.0
_BUSY = (429, 503)


@dataclass(frozen=True)
class Pace:
    """Until when a notary asked to be left alone, for each thing that it does.

    One that takes no commitments now still tells states, and still relays endings.
    """

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict, init=False)

    def hear(self, method: str, path: str, answer: Response) -> bool:
        """Note the pause that an answer asks for; tell whether it is one to be waited for."""
        seconds = pause_of(answer)
        if seconds is None:
            return False
        self._until[_kind(method, path)] = self.clock() + seconds
        return seconds <= MAX_PAUSE

    def left(self, method: str, path: str) -> float:
        """How many seconds of the pause are left."""
        until = self._until.get(_kind(method, path))
        return 0.0 if until is None else max(0.0, until - self.clock())


def _kind(method: str, path: str) -> str:
    return f"{method} {'/'.join(path.split('/')[:3])}"


def pause_of(answer: Response) -> float | None:
    """Return for how many seconds this answer asks to wait; None where it asks for nothing."""
    return answer.retry_after if answer.status in _BUSY else None
