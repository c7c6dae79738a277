"""The application: one typer app, its common options, and the one place where errors become exit codes.

0 yes; 1 no, malformed evidence included; 2 usage, unreadable path, wrong passphrase; 3 could not check, any
unexpected exception included; 130 interrupted.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_type_hints

import typer

from registry.cli.output import Output
from registry.cli.session import Session
from registry.core.errors import ConsentError, CouldNotCheck, InvalidInput, WrongPassphrase

NO, USAGE, UNKNOWN, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="consent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_EVERYWHERE = "Everywhere"
_COMMON: dict[str, Any] = {
    "home": Annotated[
        str | None, typer.Option(help="This party's folder (CONSENT_HOME).", rich_help_panel=_EVERYWHERE)
    ],
    "network": Annotated[
        str | None,
        typer.Option(help="The folder that parties here share (CONSENT_NETWORK).", rich_help_panel=_EVERYWHERE),
    ],
    "rpc_url": Annotated[
        str | None, typer.Option(help="An Ethereum node instead of the embedded chain.", rich_help_panel=_EVERYWHERE)
    ],
    "passphrase_fd": Annotated[
        int | None, typer.Option(help="Read the passphrase from this file descriptor.", rich_help_panel=_EVERYWHERE)
    ],
    "json": Annotated[bool, typer.Option("--json", help="Print JSON lines.", rich_help_panel=_EVERYWHERE)],
    "verbose": Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more, on stderr.", rich_help_panel=_EVERYWHERE)
    ],
}
_DEFAULTS: dict[str, Any] = {"json": False, "verbose": 0}

Key = Annotated[str | None, typer.Option("--key", help="The account that signs: name or address.")]
Sender = Annotated[
    str | None, typer.Option("--sender", help="Who sends and pays: the relay, or an account of this home.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before signing.")]


def group(name: str, help: str) -> typer.Typer:
    """A command with commands of its own."""
    child = typer.Typer(no_args_is_help=True, help=help, rich_markup_mode="rich")
    app.add_typer(child, name=name)
    return child


def command(owner: typer.Typer, name: str, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: its first parameter is the `Session`; the common options are added to the others."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        owner.command(name, epilog=f"Example:  [bold]{example}[/bold]")(_with_common(function))
        return function

    return register


def _with_common(function: Callable[..., None]) -> Callable[..., None]:
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]

    def run_command(**values: Any) -> None:
        common = {name: values.pop(name) for name in _COMMON}
        flags = common | {k: v for k, v in values.items() if k in ("key", "sender")}
        session = Session(Output(common["json"], common["verbose"]), flags)
        function(session, **{p.name: values[p.name] for p in own})

    parameters = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in own]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(name), annotation=hint)
        for name, hint in _COMMON.items()
    ]
    run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run_command.__annotations__ = {p.name: p.annotation for p in parameters}
    run_command.__doc__ = function.__doc__
    return run_command


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Versions of the package, contracts and formats.")] = False,
) -> None:
    """People own the consent they give: signed, anchored on a chain, revocable by nobody but them."""
    if version:
        from registry.cli.versions import versions

        for line in versions():
            typer.echo(line)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Every error of this package ends here, as words."""
    _load_commands()
    as_json = "--json" in arguments
    out = Output(as_json)
    try:
        code = app(args=list(arguments), standalone_mode=False, prog_name="consent")
    except typer.exceptions.Exit as stop:
        return stop.exit_code
    except typer.exceptions.TyperException as error:
        _show_usage(error)
        return USAGE
    except (KeyboardInterrupt, typer.exceptions.Abort):
        out.note("interrupted")
        return INTERRUPTED
    except ConsentError as error:
        return _report(out, error)
    except BrokenPipeError:
        # Whoever read our output has left: not an answer about consent.
        sys.stderr.close()
        return UNKNOWN
    except Exception as error:
        return _unexpected(out, error, "-v" in arguments or "--verbose" in arguments)
    return code if isinstance(code, int) else 0


def _show_usage(error: Exception) -> None:
    # typer's own error classes print themselves; only their base class is public.
    show = getattr(error, "show", None)
    if show is None:
        typer.echo(f"Error: {error}", err=True)
    else:
        show()


def _report(out: Output, error: ConsentError) -> int:
    code = exit_code(error)
    name = type(error).__name__
    if out.as_json:
        out.json_line({"error": name, "message": str(error), "advice": error.advice, "exit": code})
    out.note(f"{name}: {error}")
    if error.advice:
        out.note(error.advice)
    return code


def exit_code(error: ConsentError) -> int:
    """The exit code that stands for this error."""
    if isinstance(error, CouldNotCheck):
        return UNKNOWN
    return USAGE if isinstance(error, InvalidInput | WrongPassphrase) else NO


def _unexpected(out: Output, error: Exception, verbose: bool) -> int:
    name = type(error).__name__
    if out.as_json:
        out.json_line({"error": name, "message": "unexpected", "advice": "", "exit": UNKNOWN})
    # Its text may quote anything, so it is shown only to who asks for it.
    out.note(f"Unexpected {name}: neither yes nor no. Run it again with -v, and report what it shows.")
    if verbose:
        traceback.print_exc()
    return UNKNOWN


def _load_commands() -> None:
    from registry.cli import answers, demo, endings, homes, judging, keys, notices, vaults  # noqa: F401
