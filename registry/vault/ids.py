"""Names of records: UUIDs of version 7 (RFC 9562), which sort by the time at which they were made."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

_RANDOM_BITS = 74
# Left free at the top of a millisecond's first number, so that about 2^41 steps of 2^32 fit above it.
_HEADROOM = 1
_STEP_BITS = 32
_VERSION_AND_VARIANT = 7 << 76 | 2 << 62
_LOW = 62


class RecordIds:
    """Makes ids that rise strictly, also within a millisecond and when the clock is set back. Threads may share it.

    ``clock`` returns nanoseconds since 1970; ``random`` returns a number of so many random bits.
    """

    def __init__(
        self, clock: Callable[[], int] = time.time_ns, random: Callable[[int], int] = secrets.randbits
    ) -> None:
        self._clock, self._random, self._lock = clock, random, threading.Lock()
        self._last = 0  # milliseconds (48 bits), then the 74 other bits

    def new(self) -> str:
        """Return the next id, in lower case with hyphens."""
        with self._lock:
            now = self._clock() // 1_000_000 << _RANDOM_BITS
            if now > self._last:
                self._last = now | self._random(_RANDOM_BITS - _HEADROOM)
            else:
                # RFC 9562, section 6.2, method 2: the random bits are a counter with random steps. It may carry
                # into the milliseconds, which the RFC allows.
                self._last += 1 + self._random(_STEP_BITS)
            return _text(self._last)


def _text(number: int) -> str:
    millisecond, rest = number >> _RANDOM_BITS, number & (1 << _RANDOM_BITS) - 1
    high, low = rest >> _LOW, rest & (1 << _LOW) - 1
    digits = f"{millisecond << 80 | _VERSION_AND_VARIANT | high << 64 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
