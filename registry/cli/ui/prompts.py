"""Prompts: yes or no, secrets without echo, and secrets through file descriptors and files.

Neither shows a secret in a list of processes or a shell's history.
"""

from __future__ import annotations

import os
import stat
import sys
from codecs import BOM_UTF8
from pathlib import Path

from registry.core.errors import InvalidInput

MAX_ANSWER = 80
MAX_SECRET = 4096
MAX_TEXT = 8192


def first_line(descriptor: int, what: str, option: str) -> bytes:
    """Read the bytes up to the first line end; a pipe may give them piece by piece. A byte order mark is left out."""
    line = b""
    try:
        while b"\n" not in line and len(line) <= MAX_SECRET and (piece := os.read(descriptor, MAX_SECRET)):
            line += piece
    except (OSError, OverflowError) as error:
        advice = f"Open it in the shell, as in `consent ... {option} 3 3< FILE`."
        raise InvalidInput(f"file descriptor {descriptor} cannot be read: {_why(error)}", advice) from None
    line = line.split(b"\n", 1)[0].removesuffix(b"\r").removeprefix(BOM_UTF8)
    if len(line) > MAX_SECRET:
        raise InvalidInput(f"{what} has at most {MAX_SECRET:,} bytes", "Use a shorter one.")
    return line


def write_line(descriptor: int, line: str, option: str) -> None:
    """Write one line of ASCII."""
    try:
        with os.fdopen(os.dup(descriptor), "w", encoding="ascii") as file:
            file.write(line + "\n")
    except (OSError, OverflowError) as error:
        advice = f"Open it in the shell, as in `consent ... {option} 3 3> FILE`."
        raise InvalidInput(f"file descriptor {descriptor} cannot be written: {_why(error)}", advice) from None


def _why(error: Exception) -> str:
    return error.strerror or "it is closed" if isinstance(error, OSError) else "no such descriptor"


def ask_yes(question: str) -> bool:
    """Ask at the terminal, on stderr, because stdout holds results alone. Only y or yes is yes.

    ``InvalidInput`` where there is no terminal; an interruption where the input ends.
    """
    answer = _answer(f"{question} [y/N]: ", MAX_ANSWER, "Run it in a terminal, or add --yes.")
    return answer.lower() in ("y", "yes")


def ask_text(question: str, default: str = "") -> str:
    """Ask for a line of text at the terminal; an empty answer is the default.

    ``InvalidInput`` where there is no terminal; an interruption where the input ends.
    """
    shown = f"{question} [{default}]: " if default else f"{question}: "
    return _answer(shown, MAX_TEXT, "Run it in a terminal, or give all of it as options.") or default


def _answer(question: str, limit: int, advice: str) -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("there is no terminal to ask at", advice)
    sys.stderr.write(question)
    sys.stderr.flush()
    if not (line := sys.stdin.readline(limit)):
        raise KeyboardInterrupt
    return line.strip()


def ask_secret(prompt: str) -> str:
    """Ask at the terminal without echo; ``InvalidInput`` where there is none."""
    if not sys.stdin.isatty():
        raise InvalidInput("a passphrase is needed, and there is no terminal to ask at", "Use --passphrase-fd N.")
    import getpass

    return getpass.getpass(prompt, stream=sys.stderr)


def passphrase_from(descriptor: int) -> str:
    """Read a passphrase, one line of UTF-8, from a file descriptor."""
    line = first_line(descriptor, "a passphrase", "--passphrase-fd")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the passphrase is not valid UTF-8", "Type it as text, in a UTF-8 locale.") from None


def passphrase_in(file: Path) -> str:
    """Read a passphrase, the first line of a file that others may not read: a systemd credential, for example."""
    try:
        with file.open("rb") as source:
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode)
            # systemd gives a credential to its user by an access list, which shows as the group's right to read.
            if os.name == "posix" and mode & 0o037:
                advice = f"Run: chmod 600 {file}. Then change the passphrase, because others may have read it."
                raise InvalidInput(f"other users may read the passphrase in {file} (mode {mode:03o})", advice)
            return passphrase_from(source.fileno())
    except OSError as error:
        raise InvalidInput(f"the passphrase in {file} cannot be read: {error.strerror}", "Check the path.") from None
