"""Run one command line: the one place where errors become words and exit codes."""

from __future__ import annotations

import errno
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import typer

from registry.cli.app import app
from registry.cli.exit_codes import INTERRUPTED, TERMINATED, UNKNOWN, USAGE, error_document, exit_code
from registry.cli.ui.output import Output
from registry.core.errors import ConsentError
from registry.present.text import NO as RED

# What a person who gave another path would not have met.
_MISPLACED = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)
_PATH_TROUBLE = frozenset((*_MISPLACED, errno.EACCES, errno.EPERM, errno.EROFS))


def run_process(arguments: Sequence[str]) -> int:
    """`run`, where SIGTERM interrupts as Ctrl-C does: killed at once, it would leave what it has half opened."""
    told = False

    def end(*_: object) -> None:
        nonlocal told
        told = True
        raise KeyboardInterrupt

    # Who has it ignored goes on doing so.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, end)
    code = run(arguments)
    return TERMINATED if told and code == INTERRUPTED else code


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Every error of this package ends here, as words."""
    out = Output("--json" in arguments)
    try:
        code = program()(args=list(arguments), standalone_mode=False, prog_name="consent")
    except (KeyboardInterrupt, typer.exceptions.Abort):
        code = INTERRUPTED
    except SystemExit:
        # typer ends so where whoever read our output has left, with the code that means "no" here.
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
        return _say(out, type(error).__name__, str(error), error.advice, exit_code(error))
    if isinstance(error, OSError) and error.errno in _PATH_TROUBLE and error.filename is not None:
        return _say(out, "InvalidInput", f"{error.filename}: {error.strerror}", "Check the path.", USAGE)
    return _unexpected(out, error, arguments)


def _usage(out: Output, error: typer.exceptions.TyperException) -> int:
    context: Any = getattr(error, "ctx", None)
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(context.get_help(), err=True)
        return USAGE
    message = error.format_message().rstrip(".")
    advice = f"See `{context.command_path if context else 'consent'} --help`."
    return _say(out, "UsageError", message[:1].lower() + message[1:], advice, USAGE)


def _say(out: Output, name: str, message: str, advice: str, code: int) -> int:
    if out.as_json:
        out.json_line(error_document(name, message, advice, code))
    out.note(f"{name}: {message}", RED)
    if advice:
        out.note(advice)
    return code


def _unexpected(out: Output, error: Exception, arguments: Sequence[str]) -> int:
    # Its text may quote anything, so it is shown only to who asks for it.
    advice = "Run it again with -v, and report what it shows."
    code = _say(out, type(error).__name__, "unexpected: neither yes nor no", advice, UNKNOWN)
    if any(re.fullmatch(r"--verbose|-v+", argument) for argument in arguments):
        traceback.print_exc()
    return code


@cache
def program() -> Callable[..., Any]:
    """The whole command line, built once."""
    from registry.cli import (  # noqa: F401
        answers,
        available,
        demo,
        deploying,
        devnet,
        doctor,
        endings,
        homes,
        judging,
        keys,
        notices,
        signing,
        vaults,
    )

    return typer.main.get_command(app)
