"""The application: one typer app, its common options, and the one place where errors become exit codes.

0 yes; 1 no, malformed evidence included; 2 usage, unreadable path, wrong passphrase; 3 could not check, any
unexpected exception included; 130 interrupted.
"""

from __future__ import annotations

import errno
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Annotated, Any, get_type_hints

import typer

from registry.cli.help import PANELS, Command, Group
from registry.cli.output import NO as RED
from registry.cli.output import Output
from registry.cli.session import Session
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, WrongPassphrase

NO, USAGE, UNKNOWN, INTERRUPTED = 1, 2, 3, 130
START, PEOPLE, BRANDS, ANYBODY, YOURS = PANELS

app = typer.Typer(
    name="consent",
    cls=Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="consent demo",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_EVERYWHERE = "Everywhere"
# What a person who gave another path would not have met.
_MISPLACED = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG)
_PATH_TROUBLE = frozenset((*_MISPLACED, errno.EACCES, errno.EPERM, errno.EROFS))


def _common(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_EVERYWHERE, show_default=False, **more)


_COMMON: dict[str, Any] = {
    "home": Annotated[str | None, _common("--home", metavar="FOLDER", help="Yours alone (CONSENT_HOME).")],
    "network": Annotated[
        str | None, _common("--network", metavar="FOLDER", help="Shared by all parties here (CONSENT_NETWORK).")
    ],
    "rpc_url": Annotated[
        str | None, _common("--rpc-url", metavar="URL", help="An Ethereum node, not the embedded chain.")
    ],
    "passphrase_fd": Annotated[
        int | None, _common("--passphrase-fd", metavar="N", min=0, help="Read the passphrase from descriptor N.")
    ],
    "json": Annotated[bool, _common("--json", help="Print JSON lines.")],
    "verbose": Annotated[int, _common("--verbose", "-v", count=True, help="Say more, on stderr.")],
}
_DEFAULTS: dict[str, Any] = {"json": False, "verbose": 0}
STANDS_ALONE = frozenset({"home", "network", "rpc_url", "passphrase_fd"})

Key = Annotated[str | None, typer.Option("--key", metavar="ACCOUNT", help="Who signs: a name or an address.")]
Sender = Annotated[
    str | None,
    typer.Option("--sender", metavar="ACCOUNT", help="Who sends and pays: an account of yours, not the relay."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before signing.")]


def group(name: str, help: str, panel: str, example: str) -> typer.Typer:
    """A command with commands of its own."""
    child = typer.Typer(cls=Group, help=help, rich_markup_mode=None, epilog=example)
    app.add_typer(child, name=name, rich_help_panel=panel, no_args_is_help=True)
    return child


def command(
    owner: typer.Typer, name: str, example: str, *, panel: str | None = None, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: its first parameter is the `Session`; the common options are added to the others."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        taken = [n for n in _COMMON if n not in without]
        owner.command(name, cls=Command, epilog=example, rich_help_panel=panel)(_with_common(function, taken))
        return function

    return register


def _with_common(function: Callable[..., None], names: Sequence[str]) -> Callable[..., None]:
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]

    def run_command(**values: Any) -> None:
        common = {name: values.pop(name) for name in names}
        flags = common | {k: v for k, v in values.items() if k in ("key", "sender")}
        session = Session(Output(common["json"], common["verbose"]), flags)
        function(session, **{p.name: values[p.name] for p in own})
        # Here, where it can still be reported, and not when the interpreter ends.
        sys.stdout.flush()

    parameters = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in own]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(name), annotation=_COMMON[name])
        for name in names
    ]
    run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run_command.__annotations__ = {p.name: p.annotation for p in parameters}
    run_command.__doc__ = function.__doc__
    return run_command


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Versions of the package, contracts and formats.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --version: as JSON.")] = False,
) -> None:
    """People own the consent they give: signed, anchored on a chain, revocable by nobody but them."""
    if version:
        from registry.cli.versions import version_lines, versions

        Output(as_json).result(versions(), version_lines())
        raise typer.Exit
    name = context.invoked_subcommand
    if name is None:
        typer.echo(context.get_help())
        raise typer.Exit
    if as_json:
        raise InvalidInput("--json stands after the command", f"Write `consent {name} ... --json`.")


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


def exit_code(error: ConsentError) -> int:
    """The exit code that stands for this error."""
    if isinstance(error, CouldNotCheck):
        return UNKNOWN
    return USAGE if isinstance(error, InvalidInput | WrongPassphrase) else NO


def error_document(name: str, message: str, advice: str, code: int) -> dict[str, Any]:
    """What ``--json`` prints for every error."""
    return {"error": name, "message": message, "advice": advice, "exit": code}


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
    from registry.cli import answers, demo, endings, homes, judging, keys, notices, vaults  # noqa: F401

    return typer.main.get_command(app)
