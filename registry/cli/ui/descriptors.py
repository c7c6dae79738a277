"""Secrets in and out by file descriptors, which neither a list of processes nor a shell's history shows."""

from __future__ import annotations

import os

from registry.core.errors import InvalidInput

MAX_SECRET = 4096


def first_line(descriptor: int, what: str, option: str) -> bytes:
    """The bytes up to the first line end; a pipe may give them piece by piece."""
    line = b""
    try:
        while b"\n" not in line and len(line) <= MAX_SECRET and (piece := os.read(descriptor, MAX_SECRET)):
            line += piece
    except (OSError, OverflowError) as error:
        advice = f"Open it in the shell, as in `consent ... {option} 3 3< FILE`."
        raise InvalidInput(f"file descriptor {descriptor} cannot be read: {_why(error)}", advice) from None
    line = line.split(b"\n", 1)[0].removesuffix(b"\r")
    if len(line) > MAX_SECRET:
        raise InvalidInput(f"{what} has {MAX_SECRET:,} bytes at most", "Use a shorter one.")
    return line


def write_line(descriptor: int, line: str, option: str) -> None:
    """One line of ASCII, all of it."""
    try:
        with os.fdopen(os.dup(descriptor), "w", encoding="ascii") as file:
            file.write(line + "\n")
    except (OSError, OverflowError) as error:
        advice = f"Open it in the shell, as in `consent ... {option} 3 3> FILE`."
        raise InvalidInput(f"file descriptor {descriptor} cannot be written: {_why(error)}", advice) from None


def _why(error: Exception) -> str:
    return error.strerror or "it is closed" if isinstance(error, OSError) else "no such descriptor"
