"""The command line ``consent``: parse, call, print. Nothing is decided here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Entry point of ``consent``."""
    sys.stdout, sys.stderr = _usable(sys.stdout), _usable(sys.stderr)
    from registry.cli.main import run_process

    sys.exit(_flushed(run_process(sys.argv[1:])))


def _usable(stream: Any) -> Any:
    """A stream that takes any text: a closed one swallows it, a narrow encoding shows it escaped."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _flushed(code: int) -> int:
    """The exit code, or 3 where the output did not get through: an answer that nobody heard is none."""
    try:
        sys.stdout.flush()
    except OSError:
        # Otherwise the interpreter tries once more when it ends, and says so with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return 3
    return code
