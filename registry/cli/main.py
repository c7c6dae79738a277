"""Run one command line. Errors become words and exit codes here, and nowhere else."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer

from registry.cli.app import app
from registry.cli.exit_codes import INTERRUPTED, TERMINATED, UNKNOWN, USAGE, error_document, exit_code
from registry.cli.ui.output import Output
from registry.core.errors import ConsentError
from registry.present.text import NO as RED
from registry.present.text import Line

# Errors that another path would not cause.
_MISPLACED = {errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
_PATH_TROUBLE = _MISPLACED | {errno.EACCES, errno.EPERM, errno.EROFS}
_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOLCK, errno.EOPNOTSUPP}


def main() -> None:
    """Run the command line of this process; the entry point of ``consent``."""
    sys.stdout, sys.stderr = _usable(sys.stdout), _usable(sys.stderr)
    sys.exit(_flushed(run_process(sys.argv[1:])))


def run_process(arguments: Sequence[str]) -> int:
    """Do as `run` does, with SIGTERM as an interruption: killed at once, it would leave half-opened data."""
    interrupted = False

    def end(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    # If the parent ignores SIGTERM, leave it ignored.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)
    code = run(arguments)
    return TERMINATED if interrupted and code == INTERRUPTED else code


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Every error of this package ends here, as words."""
    out = Output("--json" in arguments)
    try:
        code = program()(args=list(arguments), standalone_mode=False, prog_name="consent")
    except (KeyboardInterrupt, typer.exceptions.Abort):
        code = INTERRUPTED
    except SystemExit:
        # typer exits so when the reader of our output has gone, with the code that means "no" here.
        return UNKNOWN
    except Exception as error:
        return _explained(out, error, arguments)
    if code == INTERRUPTED:
        if sys.stderr.isatty():
            out.note("")  # the cursor still stands behind ^C
        out.note("Interrupted.")
    return code if isinstance(code, int) else 0


def _explained(out: Output, error: Exception, arguments: Sequence[str]) -> int:
    if isinstance(error, typer.exceptions.TyperException):
        return _usage(out, error)
    if isinstance(error, ConsentError):
        return _say(out, type(error).__name__, str(error), error.advice, exit_code(error), error.details)
    if isinstance(error, OSError) and error.errno in _PATH_TROUBLE and error.filename is not None:
        return _say(out, "InvalidInput", f"{error.filename}: {error.strerror}", "Check the path.", USAGE)
    if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
        message = f"{error.filename or 'the disk'}: {error.strerror}"
        return _say(out, "CouldNotCheck", message, "Check the disk, then see what was done: `consent status`.", UNKNOWN)
    return _unexpected(out, error, arguments)


def _usage(out: Output, error: typer.exceptions.TyperException) -> int:
    context: Any = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(context.get_help(), err=True)
        return USAGE
    message = error.format_message().rstrip(".")
    advice = f"See `{context.command_path if context else 'consent'} --help`."
    return _say(out, "UsageError", message[:1].lower() + message[1:], advice, USAGE)


def _say(out: Output, name: str, message: str, advice: str, code: int, details: Sequence[str] = ()) -> int:
    if out.as_json:
        out.json_line(error_document(name, message, advice, code) | ({"details": list(details)} if details else {}))
    out.note(f"{name}: {message}", RED)
    for detail in details if len(details) > 1 else ():  # one fault is the message itself
        out.note(Line(f"  {detail}", 4))
    if advice:
        out.note(advice)
    return code


def _unexpected(out: Output, error: Exception, arguments: Sequence[str]) -> int:
    # The message may quote anything, so show it only with -v.
    advice = "Run it again with -v, and report what it shows."
    code = _say(out, type(error).__name__, "unexpected: neither yes nor no", advice, UNKNOWN)
    if any(re.fullmatch(r"--verbose|-v+", argument) for argument in arguments):
        traceback.print_exc()
    return code


@cache
def program() -> Callable[..., Any]:
    """Return the whole command line, built once; a command's module loads when it is run."""
    return typer.main.get_command(app)


def _usable(stream: Any) -> Any:
    """Return a stream that takes any text: a closed one discards it, a narrow encoding escapes it."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _flushed(code: int) -> int:
    """Return the exit code, or 3 where the output did not get through: an unread answer is not an answer."""
    try:
        sys.stdout.flush()
    except OSError:
        # Otherwise the interpreter tries again at its end, and exits with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return UNKNOWN
    return code
