"""When something happened, as records write it: a calendar day, or a time of day with its offset from UTC.

This is RFC 3339 in one spelling: upper-case T and Z, at most six digits of a second, years 0001 to 9999. A day belongs
to no zone; to sort, it counts as its 00:00 UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from registry.core.errors import Malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ADVICE = "Write a day (2026-01-31), or a time with its offset from UTC (2026-01-31T10:00:00+01:00)."

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_OF_DAY = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
# What people and programs write instead, with its words. The first that fits is told.
_MISTAKES = (
    (
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:60.*",
        "it has a leap second, which no unix time stands for",
    ),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T24:.*", "its hour is 24: write the next day's 00:00:00"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[t _]+[0-9]{2}:.*", "a capital T must stand between the day and the time"),
    (r".*T.*\.[0-9]{7,}.*", "it has more than six digits of a second"),
    (r".*T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?", "it does not say its zone"),
    (r".*T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?z", "its Z must be a capital"),
    (r".*T[0-9]{2}:[0-9]{2}(Z|[+-].*)?", "it has no seconds"),
)


# A record's time is read when it is checked, again in its body, and again for the working copy.
@lru_cache(maxsize=4096)
def microseconds(text: str) -> int:
    """Return the microseconds from 1970-01-01 UTC; ``Malformed``, with the reason, for any other spelling.

    A leap second is refused, because no unix time stands for it.
    """
    is_day = len(text) == len("2026-01-31")
    if (_DAY if is_day else _TIME_OF_DAY).fullmatch(text) is None:
        raise Malformed(f"{text[:40]!r} is no time: {_mistake(text)}", _ADVICE)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"{text!r} is no time: the calendar has no such day", _ADVICE) from None
    return ((time.replace(tzinfo=UTC) if is_day else time) - _EPOCH) // _MICROSECOND


def utc_text(time: int) -> str:
    """Write microseconds from 1970 as a time in UTC, with as many digits of a second as it needs."""
    text = (_EPOCH + timedelta(microseconds=time)).isoformat()
    return text.replace("+00:00", "Z")


def _mistake(text: str) -> str:
    head = text[:80]
    return next((words for pattern, words in _MISTAKES if re.fullmatch(pattern, head)), "it is written otherwise")
