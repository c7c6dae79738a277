"""``notary init`` and ``notary serve``: make a notary, and run it."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from registry.cli.app import command
from registry.cli.context import Context
from registry.cli.exit_codes import USAGE
from registry.cli.notary_context import Dir, folder_of, signer_of, site_of
from registry.cli.options import STANDS_ALONE
from registry.core.errors import InvalidInput
from registry.fs.supervisor import stop_on_signals, supervise
from registry.notary.folder import ACCOUNT, FILE, keys_folder, make_token_keys
from registry.notary.site import Finding, Site, State, survey
from registry.present.text import NAME, NO, YES, Line, Row, table
from registry.wallets import keyfiles

API, WORKER = "api", "worker"
_STYLES = {State.OK: YES, State.WAITS: NAME, State.WRONG: NO}
_WIDTH = 11


def add_to(notary: typer.Typer) -> None:
    """Add these commands to the group."""
    alone = STANDS_ALONE - {"passphrase_fd"}
    command(notary, "init", "consent notary init", options=("guessable", "passphrase_file"), without=alone)(init)
    command(notary, "serve", "consent notary serve", options=("passphrase_file",))(serve)


def init(
    ctx: Context,
    directory: Dir = None,
    database: Annotated[
        str, typer.Option("--database", metavar="URL", help="A PostgreSQL database; without it, SQLite.")
    ] = "",
) -> None:
    """Make a notary's folder: its account, its key for tokens, and its settings with an explanation of each.

    What is there already stays as it is, so a second run completes an interrupted one.
    """
    folder = folder_of(directory)
    made = FILE.make(folder, **({"database": database} if database else {}))
    account, is_new = _account(ctx, folder)
    token_keys = make_token_keys(folder, time.time())
    document = {"folder": str(folder), "account": account, "madeAccount": is_new, "madeSettings": made}
    rows: list[Row] = [
        ("Folder", folder),
        ("Account", f"{account}{'' if is_new else ' (there already)'}"),
        ("Token keys", ", ".join(map(str, token_keys))),
        ("Settings", f"{folder / 'notary.toml'}{'' if made else ' (there already)'}"),
        ("Next", f"send the chain's currency to {account}, then run `{_serve_line(directory)}`"),
    ]
    ctx.out.result(document, table(rows))


def _serve_line(directory: Path | None) -> str:
    return "consent notary serve" + ("" if directory is None else f" --dir {shlex.quote(str(directory))}")


def _account(ctx: Context, folder: Path) -> tuple[str, bool]:
    known = [key.address for key in keyfiles.list_keys(keys_folder(folder)) if key.name == ACCOUNT]
    if known:
        return known[0], False
    phrase = ctx.new_passphrase()
    with ctx.working("sealing the new key"):
        return keyfiles.new_key(keys_folder(folder), ACCOUNT, phrase), True


def serve(
    ctx: Context,
    directory: Dir = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="PART", help="Run the api or the worker alone, where machines share the work."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", min=0, max=65_535, help="The API's port, not notary.toml's.")
    ] = None,
    told: Annotated[bool, typer.Option("--told", hidden=True, help="The findings were told already.")] = False,
) -> None:
    """Run the notary until it is ended: the API that takes commitments, and the worker that anchors them.

    First it checks the chain, the registry, the account, its funds, the clock and the store, and says what is missing.
    It starts without what may come by itself. SIGTERM and Ctrl-C end it in order, with exit code 0.
    """
    if only not in (None, API, WORKER):
        raise InvalidInput(f"--only names {only!r}", "Write --only api or --only worker.")
    site = site_of(ctx, directory)
    if port is not None:
        site = replace(site, settings=msgspec.structs.replace(site.settings, port=port))
    signer, phrase = signer_of(ctx, site.folder)
    _say_findings(ctx, site, signer.address, _told_states(only, told))
    level = logging.INFO if ctx.out.verbosity else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")  # to stderr
    if only is None:
        _supervise(ctx, site, phrase)
    elif only == API:
        from registry.notary.service import run_api

        run_api(site, signer, partial(_listens, ctx))
    else:
        from registry.notary.service import run_worker

        with stop_on_signals() as stop:
            run_worker(site, signer, stop)


def _listens(ctx: Context, url: str) -> None:
    ctx.out.result({"event": "listening", "url": url}, [f"Listening on {url}"])
    sys.stdout.flush()


def _told_states(only: str | None, told: bool) -> tuple[State, ...]:
    """Return which findings to tell. A part alone tells of troubles; one of a whole, only why it cannot start."""
    if told:
        return (State.WRONG,)
    return tuple(State) if only is None else (State.WAITS, State.WRONG)


def _say_findings(ctx: Context, site: Site, account: str, states: tuple[State, ...]) -> None:
    """Tell how the parts stand that are in one of these states; end with 2 where one is wrong."""
    with ctx.working("checking the chain and the store"):
        found = list(survey(site, account))
    for line in _lines([one for one in found if one.state in states]):
        ctx.out.note(line)
    if any(one.state == State.WRONG for one in found):
        raise typer.Exit(USAGE)


def _lines(found: list[Finding]) -> list[Line]:
    lines = []
    for one in found:
        lines.append(Line(f"{one.state:<7}{one.name:<{_WIDTH}}{one.detail}", 7 + _WIDTH, _STYLES[one.state]))
        if one.advice:
            lines.append(Line(f"{'':<{7 + _WIDTH}}{one.advice}", 7 + _WIDTH))
    return lines


def _supervise(ctx: Context, site: Site, phrase: str) -> None:
    """Run API and worker as two processes. The passphrase goes to each through a pipe."""

    def line(part: str, descriptor: int) -> list[str]:
        # The environment and the flags name the same network for them as for us.
        given = {"--home": ctx.flags["home"], "--network": ctx.flags["network"], "--rpc-url": ctx.flags["rpc_url"]}
        given |= {"--ipfs": ctx.flags["ipfs"], "--dir": site.folder, "--only": part, "--port": site.settings.port}
        named = [word for name, value in given.items() if value is not None for word in (name, str(value))]
        more = [*(["--json"] if ctx.out.as_json else []), *(["-v"] if ctx.out.verbosity else [])]
        command = [sys.executable, "-P", "-m", "registry", "notary", "serve", "--told", *named, *more]
        return [*command, "--passphrase-fd", str(descriptor)]

    programs = {part: partial(line, part) for part in (API, WORKER)}
    with stop_on_signals() as stop:
        code = supervise(programs, phrase.encode(), stop, ctx.out.note, hopeless=USAGE)
    if code:
        raise typer.Exit(code)
    ctx.out.result({"event": "ended"}, ["The notary has ended."])
