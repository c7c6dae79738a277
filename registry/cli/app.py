"""The application: how a command is registered, which commands there are, and how they load when they are needed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Annotated, Any, get_type_hints

import typer

from registry.cli.context import Context
from registry.cli.options import COMMON, DEFAULTS, SHARED
from registry.cli.ui.help import PANELS, Command, Group
from registry.cli.ui.output import Output
from registry.core.errors import InvalidInput

START, PEOPLE, BRANDS, ANYBODY, OPERATORS, YOURS = PANELS

# Each command and group in the order of the help page: its panel, and the first paragraph of its help. Its module is
# `registry.cli.commands.NAME`, or that of the command beside it; only the module of the command that is run is loaded.
COMMANDS = {
    "demo": (START, "Play the whole story: a person grants, a brand verifies, the person revokes."),
    "init": (START, "Make a home: a vault seed, which gives each brand an account of its own."),
    "devnet": (
        START,
        "Run a whole network on this machine: anvil, Kubo, a notary, a brand, the app, accounts with play money.",
    ),
    "doctor": (START, "Show what is installed and reachable, and what to do about the rest."),
    "deploy": (START, "Put the contracts on a chain, and write the folder of its network."),
    "vault": (PEOPLE, "Your own data: records that are found in an instant, and are encrypted wherever they lie."),
    "grant": (PEOPLE, "Say yes: to all that was asked, or to less."),
    "refuse": (PEOPLE, "Say no, and be able to prove that you did."),
    "revoke": (PEOPLE, "End one grant, or all grants to one brand, at once."),
    "revoke-all": (PEOPLE, "Use the kill-switch: end everything that your accounts issued until now."),
    "retire": (PEOPLE, "For a stolen key: this one account is never believed again."),
    "uses": (PEOPLE, "Show what a brand read of your data, and check that its log only grows."),
    "sign": (PEOPLE, "Sign one statement that is in a file."),
    "app": (PEOPLE, "The app: read, sign, see and end in a browser on this machine."),
    "notice": (BRANDS, "What people are shown before they sign."),
    "request": (BRANDS, "Ask for consent."),
    "accept": (BRANDS, "Counter-sign a grant to this brand."),
    "open": (BRANDS, "Open the data that a grant hands over, or bring it up to date."),
    "verify": (ANYBODY, "Check whether it holds."),
    "evidence": (ANYBODY, "Evidence files: what they say, their one encoding, and keeping them."),
    "vocabulary": (ANYBODY, "Find the terms for purposes, kinds of data and processing."),
    "signer": (ANYBODY, "Show who signed this."),
    "brand": (OPERATORS, "Run a brand's service: ask by a link, take what people answer, hear when consent ends."),
    "notary": (OPERATORS, "Run a notary, which anchors in batches and sees hashes only; judge one; draw its tokens."),
    "keys": (YOURS, "The accounts of your seed, one for each brand; and key files, for brands."),
    "status": (YOURS, "Show every consent that is kept here, and whether it holds now."),
    "wallets": (YOURS, "Show what can sign here, and how --wallet names it."),
    "backup": (YOURS, "Seal the whole home into one file."),
    "restore": (YOURS, "Bring a home back from a backup."),
    "recover": (YOURS, "Make a home again from its 24 words."),
}
_BESIDE = {"refuse": "grant", "revoke-all": "revoke", "retire": "revoke", "open": "accept", "signer": "sign"}
_BESIDE |= {"restore": "backup", "recover": "init"}


class LazyGroup(Group):
    """The group of all commands: it lists them from `COMMANDS`, and loads the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            import_module(f"registry.cli.commands.{_BESIDE.get(cmd_name, cmd_name)}")
            self.commands = {**self.commands, **typer.main.get_group(app).commands}
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            return super().resolve_command(ctx, args)
        # Typer suggests names from `commands`, which holds only the loaded ones.
        loaded, self.commands = self.commands, dict.fromkeys(COMMANDS, self)
        try:
            return super().resolve_command(ctx, args)
        finally:
            self.commands = loaded

    def overview(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        return {panel: [(name, text) for name, (its, text) in COMMANDS.items() if its == panel] for panel in PANELS}


app = typer.Typer(
    name="consent",
    cls=LazyGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="consent demo",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def group(name: str, example: str, *, owner: typer.Typer | None = None, help: str = "") -> typer.Typer:
    """Register a command with commands of its own. One inside another group names its ``owner`` and its ``help``."""
    child = typer.Typer(cls=Group, help=help or COMMANDS[name][1], rich_markup_mode=None, epilog=example)
    (owner or app).add_typer(child, name=name, no_args_is_help=True)
    return child


def command(
    owner: typer.Typer, name: str, example: str, *, options: Collection[str] = (), without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command. Its first parameter is the `Context`; common and shared options join its others.

    ``options`` names members of `registry.cli.options.SHARED`; ``without`` names common options to leave out.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        owner.command(name, cls=Command, epilog=example)(_with_options(function, options, without))
        return function

    return register


def open_group(
    name: str, example: str, *, owner: typer.Typer | None = None, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], typer.Typer]:
    """Register a group that also does something by itself: the function runs first, whichever command is named.

    One inside another group names its ``owner``.
    """

    def register(function: Callable[..., None]) -> typer.Typer:
        child = typer.Typer(cls=Group, rich_markup_mode=None, epilog=example, subcommand_metavar="[COMMAND]")
        child.callback(invoke_without_command=True)(_with_options(function, (), without))
        (owner or app).add_typer(child, name=name)
        return child

    return register


def _with_options(function: Callable[..., None], options: Collection[str], without: Collection[str]) -> Any:
    added = {name: SHARED[name] for name in options} | {n: kind for n, kind in COMMON.items() if n not in without}
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]

    def run_command(**values: Any) -> None:
        flags = {name: values[name] for name in added}
        context = Context(Output(flags["json"], flags["verbose"]), flags)
        try:
            with context.closing:
                function(context, **{p.name: values[p.name] for p in own})
        except BaseException as error:
            # Print notes here, because typer keeps an interruption to itself.
            for note in getattr(error, "__notes__", ()):
                context.out.note(note)
            raise
        # A full disk or closed pipe can still be reported here; when the interpreter ends it cannot.
        sys.stdout.flush()

    parameters = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in own]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name), annotation=kind)
        for name, kind in added.items()
    ]
    run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
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
        from registry.cli.versions import print_versions

        print_versions(Output(as_json))
        raise typer.Exit
    name = context.invoked_subcommand
    if name is None:
        typer.echo(context.get_help())
        raise typer.Exit
    if as_json:
        raise InvalidInput("--json stands after the command", f"Write `consent {name} ... --json`.")
