"""Limits for each network prefix: a rate, a number at once, and an allowance for a day. All in memory, and bounded."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from threading import Lock

DAY = 86_400
# Prefixes that are remembered; each takes about 200 bytes. The one that was away longest is forgotten first.
MOST = 65_536


class TokenBuckets:
    """Lets each prefix make ``rate`` requests a second, and ``burst`` at once after a pause. Safe for threads."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic, most: int = MOST
    ) -> None:
        self._rate, self._burst, self._clock, self._most = rate, burst, clock, most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, prefix: str) -> float:
        """Take one request; return 0, or the seconds until there is one."""
        with self._lock:
            now = self._clock()
            level, before = self._levels.pop(prefix, (self._burst, now))
            level = min(self._burst, level + (now - before) * self._rate)
            left = level - 1 if level >= 1 else level
            self._levels[prefix] = (left, now)
            if len(self._levels) > self._most:
                self._levels.popitem(last=False)
        return 0.0 if level >= 1 else (1 - level) / self._rate


class Places:
    """Lets each prefix have ``most`` of something at once, such as connections. Safe for threads."""

    def __init__(self, most: int) -> None:
        self._most, self._taken, self._lock = most, Counter[str](), Lock()

    def enter(self, prefix: str) -> bool:
        """Take a place; False where none is left. Who got one calls `leave`."""
        with self._lock:
            if self._taken[prefix] >= self._most:
                return False
            self._taken[prefix] += 1
        return True

    def leave(self, prefix: str) -> None:
        """Give a place back."""
        with self._lock:
            self._taken[prefix] -= 1
            if not self._taken[prefix]:
                del self._taken[prefix]


class Allowance:
    """Gives each prefix ``limit`` items a day (UTC) for nothing. Safe for threads."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.time, most: int = MOST) -> None:
        self.limit, self._clock, self._most = limit, clock, most
        self._used: OrderedDict[str, int] = OrderedDict()
        self._day, self._lock = 0, Lock()

    def take(self, prefix: str, count: int) -> bool:
        """Take ``count`` items at once, or none."""
        with self._lock:
            used = self._used_today(prefix) + count
            if used > self.limit:
                return False
            self._keep(prefix, used)
        return True

    def left(self, prefix: str) -> int:
        """Return how many items are left today."""
        with self._lock:
            return self.limit - self._used_today(prefix)

    def give_back(self, prefix: str, count: int) -> None:
        """Give back what was taken for nothing, as for a repeat."""
        with self._lock:
            self._keep(prefix, max(0, self._used_today(prefix) - count))

    def seconds_left(self) -> int:
        """Return the seconds until the next day."""
        return DAY - int(self._clock()) % DAY

    def _used_today(self, prefix: str) -> int:
        day = int(self._clock()) // DAY
        if day != self._day:
            self._day = day
            self._used.clear()
        return self._used.get(prefix, 0)

    def _keep(self, prefix: str, used: int) -> None:
        self._used[prefix] = used
        self._used.move_to_end(prefix)
        if len(self._used) > self._most:
            self._used.popitem(last=False)
