"""Unix times in words."""

from __future__ import annotations

from datetime import UTC, datetime


def format_utc(time: int | None) -> str:
    """A unix time in UTC, to the second; "never" for none."""
    if time is None:
        return "never"
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{time} s after 1970"
