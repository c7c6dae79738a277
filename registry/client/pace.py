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
    """Until when a notary asked to be left alone, for each method: one that promises nothing now still tells states."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict, init=False)

    def hear(self, method: str, answer: Response) -> bool:
        """Note the pause that an answer asks for; tell whether it is one to be waited for."""
        seconds = pause_of(answer)
        if seconds is None:
            return False
        self._until[method] = self.clock() + seconds
        return seconds <= MAX_PAUSE

    def left(self, method: str) -> float:
        """How many seconds of the pause are left."""
        return max(0.0, self._until[method] - self.clock()) if method in self._until else 0.0


def pause_of(answer: Response) -> float | None:
    """Return for how many seconds this answer asks to wait; None where it asks for nothing."""
    return answer.retry_after if answer.status in _BUSY else None
