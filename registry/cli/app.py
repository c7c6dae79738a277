"""The application: one typer app, how a command is registered in it, and the options that all commands share."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any, get_type_hints

import typer

from registry.cli.context import Session
from registry.cli.ui.help import PANELS, Command, Group
from registry.cli.ui.output import Output
from registry.core.errors import InvalidInput

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
    "ipfs": Annotated[str | None, _common("--ipfs", metavar="ADDRESS", help="A Kubo node, not the embedded store.")],
    "passphrase_fd": Annotated[
        int | None, _common("--passphrase-fd", metavar="N", min=0, help="Read the passphrase from descriptor N.")
    ],
    "json": Annotated[bool, _common("--json", help="Print JSON lines.")],
    "verbose": Annotated[int, _common("--verbose", "-v", count=True, help="Say more, on stderr.")],
}
_DEFAULTS: dict[str, Any] = {"json": False, "verbose": 0}
# Options of some commands that are settings too.
_FLAGS = ("key", "wallets", "contract", "sender", "depth")
STANDS_ALONE = frozenset({"home", "network", "rpc_url", "ipfs", "passphrase_fd"})

Key = Annotated[
    str | None, typer.Option("--key", metavar="ACCOUNT", help="Sign with this key file: its name or address.")
]
Sender = Annotated[
    str | None,
    typer.Option("--sender", metavar="ACCOUNT", help="Who pays, not the relay: self, or a wallet or key file."),
]
Depth = Annotated[
    int | None,
    typer.Option("--confirmations", metavar="N", min=0, help="Wait until N blocks lie above the transaction."),
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


def open_group(
    name: str, panel: str, example: str, *, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], typer.Typer]:
    """As `group`, but it does something by itself: the function is called first, whichever command is named."""

    def register(function: Callable[..., None]) -> typer.Typer:
        child = typer.Typer(cls=Group, rich_markup_mode=None, epilog=example, subcommand_metavar="[COMMAND]")
        taken = [n for n in _COMMON if n not in without]
        child.callback(invoke_without_command=True)(_with_common(function, taken))
        app.add_typer(child, name=name, rich_help_panel=panel)
        return child

    return register


def _with_common(function: Callable[..., None], names: Sequence[str]) -> Callable[..., None]:
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]

    def run_command(**values: Any) -> None:
        common = {name: values.pop(name) for name in names}
        flags = common | {k: v for k, v in values.items() if k in _FLAGS}
        session = Session(Output(common["json"], common["verbose"]), flags)
        try:
            with session.ending:
                function(session, **{p.name: values[p.name] for p in own})
        except BaseException as error:
            # What else there is to know, as what was left behind: here, because typer keeps an interruption to itself.
            for note in getattr(error, "__notes__", ()):
                session.out.note(note)
            raise
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
