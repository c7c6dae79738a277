"""Dates and times in the format that the person chose. A format is never guessed: "01/02/2026" has two readings.

A format is one of `NAMED`, or is written as in Python's ``strptime`` with the directives of `_DIRECTIVES`. A result is
RFC 3339: a full-date where the format has no time of day, else a date-time with an offset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from registry.core.errors import InvalidInput
from registry.vault.importers.amounts import reads_all
from registry.vault.importers.months import MONTHS

ISO, UNIX, UNIX_MILLISECONDS = "iso", "unix", "unix-ms"
NAMED = (ISO, UNIX, UNIX_MILLISECONDS)
MAX_TIME = 64
_CACHED = 65_536
_DIRECTIVES = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": "(?P<m>[0-9]{1,2})",
    "b": r"(?P<b>[^\W\d_]+\.?)",
    "d": "(?P<d>[0-9]{1,2})",
    "H": "(?P<H>[0-9]{1,2})",
    "I": "(?P<I>[0-9]{1,2})",
    "M": "(?P<M>[0-9]{2})",
    "S": "(?P<S>[0-9]{2})",
    "f": "(?P<f>[0-9]{1,9})",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "z": r"(?P<z>[Zz]|[+-][0-9]{2}:?[0-9]{2})",
    "a": r"[^\W\d_]+\.?",
    "%": "%",
}
_ISO = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    "(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?[Zz]| ?[+-][0-9]{2}:?[0-9]{2})?)?"
)
_UNIX = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
# Offered in this order where they fit; with them the formats of most exports are covered.
COMMON = (
    ISO, "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d", "%d.%m.%y", "%d/%m/%y",
    "%m/%d/%y", "%d %b %Y", "%b %d, %Y", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S %z", "%d %b %Y %H:%M", "%b %d, %Y, %I:%M %p", "%d.%m.%Y, %H:%M", UNIX, UNIX_MILLISECONDS,
)  # fmt: skip


def time_reader(form: str, zone: str | None) -> Callable[[str], str]:
    """Return the function that reads a text of this format as RFC 3339. It raises ``ValueError`` for another text.

    ``zone`` (an IANA name, "UTC" or "+01:00") is that of times without an offset. ``InvalidInput`` for a format or a
    zone that makes no sense, and for a time of day with neither offset nor zone.
    """
    read = _reader(form, zone)
    cached = lru_cache(_CACHED)(read)

    def checked(text: str) -> str:
        if len(text) > MAX_TIME:
            raise ValueError(f"a time has at most {MAX_TIME} characters")
        return cached(text)

    return checked


def _reader(form: str, zone: str | None) -> Callable[[str], str]:
    where = zone_of(zone) if zone else None
    if form in (UNIX, UNIX_MILLISECONDS):
        return lambda text: _unix(text, 1000 if form == UNIX_MILLISECONDS else 1, where or UTC)
    if form == ISO:
        return lambda text: _read_iso(where, text)
    pattern = _compile(form)
    if {"H", "I"} & pattern.groupindex.keys() and "z" not in pattern.groupindex and where is None:
        raise InvalidInput(f"the times of {form!r} have no zone", "Name the zone, such as Europe/Paris or +01:00.")
    numbers = [name for name in "YmdHMS" if name in pattern.groupindex]
    if pattern.groupindex.keys() == set("YmdHMS"[: len(numbers)]):
        return lambda text: _read_numbers(pattern, numbers, form, where, text)
    return lambda text: _read(pattern, form, where, text)


def _compile(form: str) -> re.Pattern[str]:
    parts = re.split("%(.)", form, flags=re.DOTALL)
    pieces = [re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(text)) for text in parts[::2]]
    for place, letter in enumerate(parts[1::2]):
        if letter not in _DIRECTIVES or parts[1::2].count(letter) > 1:
            raise InvalidInput(f"%{letter} is unknown, or stands twice in {form!r}", "Use %Y, %m, %d, %H, %M, %S, %z.")
        pieces[2 * place + 1 : 2 * place + 1] = [_DIRECTIVES[letter]]
    pattern = re.compile("".join(pieces))
    names = pattern.groupindex.keys()
    is_whole = "d" in names and bool({"Y", "y"} & names) and bool({"m", "b"} & names)
    has_clock = not ({"M", "S", "f", "p", "z"} & names) or bool({"H", "I"} & names)
    if not is_whole or not has_clock or ("I" in names) != ("p" in names):
        raise InvalidInput(f"{form!r} does not name a whole date", "Write one such as %d.%m.%Y or %Y-%m-%d %H:%M.")
    return pattern


def _read(pattern: re.Pattern[str], form: str, zone: tzinfo | None, text: str) -> str:
    found = pattern.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a time in the format {form}")
    part = found.groupdict().get
    year = int(part("Y") or 0) if part("y") is None else _century(int(part("y") or 0))
    day = date(year, _month(part("m"), part("b")), int(part("d") or 0))
    if part("H") is None and part("I") is None:
        return day.isoformat()
    offset = _offset(part("z") or "") if part("z") else zone
    if offset is None:
        raise ValueError(f"{text!r} has no zone; name the zone of such times")
    second, fraction = int(part("S") or 0), int((part("f") or "").ljust(6, "0")[:6])
    hour = _hour(part("H"), part("I"), part("p"))
    return rfc3339(datetime(day.year, day.month, day.day, hour, int(part("M") or 0), second, fraction, offset))


def _read_numbers(pattern: re.Pattern[str], names: list[str], form: str, zone: tzinfo | None, text: str) -> str:
    """Do as `_read`, three times as fast, for the directives that are numbers in the order of ``datetime``."""
    found = pattern.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a time in the format {form}")
    year, month, day, *clock = map(int, found.group(*names))
    if not clock:
        return date(year, month, day).isoformat()
    hour, minute, second, *_ = (*clock, 0, 0)
    return rfc3339(datetime(year, month, day, hour, minute, second, tzinfo=zone))


def _read_iso(zone: tzinfo | None, text: str) -> str:
    if not _ISO.fullmatch(text := text.strip()):
        raise ValueError(f"{text!r} is not a time in the format {ISO}")
    if len(text) == 10:
        return date.fromisoformat(text).isoformat()
    if text[-1] == "z" or " " in text[11:]:
        text = f"{text[:11]}{text[11:].upper().replace(' ', '')}"
    time = datetime.fromisoformat(text)
    if time.tzinfo is None and zone is None:
        raise ValueError(f"{text!r} has no zone; name the zone of such times")
    return rfc3339(time if time.tzinfo else time.replace(tzinfo=zone))


def _century(year: int) -> int:
    return year + (1900 if year >= 69 else 2000)  # as in POSIX


def _month(number: str | None, name: str | None) -> int:
    month = int(number) if number else MONTHS.get((name or "").rstrip(".").casefold())
    if month is None:
        raise ValueError(f"{name!r} is not a month in a language that is known here")
    return month


def _hour(full: str | None, short: str | None, half: str | None) -> int:
    if full is not None:
        return int(full)
    if not 1 <= int(short or 0) <= 12:
        raise ValueError(f"{short} is not an hour from 1 to 12")
    return int(short or 0) % 12 + (12 if (half or "") in "Pp" else 0)


def _unix(text: str, divisor: int, zone: tzinfo) -> str:
    if not _UNIX.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a number of seconds since 1970")
    whole, _, part = text.strip().partition(".")
    microseconds = int(whole + part.ljust(6, "0")[:6]) // divisor
    try:
        return rfc3339((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(zone))
    except OverflowError:
        raise ValueError(f"{text!r} is not in the years 1 to 9999") from None


def rfc3339(time: datetime) -> str:
    """Write an aware time as RFC 3339; ``ValueError`` if it is not in the years 1 to 9999.

    A local time that an hour's change skips or repeats is read as RFC 5545, section 3.3.5 says: with the offset before
    the change. (Python's ``fold`` of 0 means the same.)
    """
    try:
        text = time.isoformat()
        # Before about 1900 offsets had seconds ("+00:09:21"), which RFC 3339 cannot express.
        return text if text[-6] in "+-" else time.astimezone(UTC).isoformat()
    except OverflowError:
        raise ValueError("the time is not in the years 1 to 9999") from None


def zone_of(name: str) -> tzinfo:
    """Return the zone with this IANA name or offset; ``InvalidInput`` if there is none."""
    try:
        return UTC if name == "UTC" else _offset(name) if _OFFSET.fullmatch(name) else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise InvalidInput(f"{name!r} is not a time zone", "Name one, such as Europe/Paris or +01:00.") from None


def _offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    found = _OFFSET.fullmatch(text)
    if not found or int(found[2]) > 23 or int(found[3]) > 59:
        raise ValueError(f"{text!r} is not an offset")
    apart = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-apart if found[1] == "-" else apart)


def possible_formats(samples: Iterable[str], zone: str = "UTC") -> list[str]:
    """Return the common formats that all these texts have; the person chooses, also where there is one only."""
    texts = [text for text in samples if text.strip()]
    return [form for form in COMMON if texts and reads_all(time_reader(form, zone), texts)]
