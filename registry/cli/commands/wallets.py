"""``wallets``: what can sign here, and how to name it."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Iterator
from typing import NamedTuple

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.core.errors import ConsentError
from registry.present.text import Line, table
from registry.wallets import keyfiles
from registry.wallets.rpc import accounts

# Frame listens here. Ask it nothing: Frame would ask its owner for permission.
_FRAME = ("127.0.0.1", 1248)
_KNOCK_SECONDS = 0.5
_NODE_SECONDS = 5.0


class _Choice(NamedTuple):
    """A value of ``--wallet``, its accounts, and a remark."""

    wallet: str
    accounts: tuple[str, ...]
    about: str


@command(app, "wallets", "consent wallets")
def wallets(ctx: Context) -> None:
    """Show what can sign here, and how --wallet names it."""
    with ctx.working("looking for wallets"):
        found = list(_choices(ctx))
    document = {"wallets": [choice._asdict() for choice in found]}
    ctx.out.result(document, [*_lines(found), "", *_MORE])


_MORE = (
    Line("`wallet = ...` in config.toml, or CONSENT_WALLET, names the one to use by default."),
    Line("Contract accounts: --as ADDRESS, with --wallet for each owner who signs."),
)


def _lines(found: list[_Choice]) -> list[Line]:
    rows = []
    for choice in found:
        rows.append((choice.wallet, choice.about))
        rows += [("", account) for account in choice.accounts]
    return table(rows)


def _choices(ctx: Context) -> Iterator[_Choice]:
    if ctx.home.exists:
        yield _Choice("seed", (), "an account of its own for each brand; nothing has to be named")
    for key in keyfiles.list_keys(ctx.home.keys):
        yield _Choice(f"key:{key.name}", (key.address,), "a key file of this home")
    yield _Choice("browser", (), _browser(ctx.configuration.settings.rpc_url))
    if url := ctx.configuration.settings.rpc_url:
        yield from _node(url)
    if _listens(_FRAME):
        yield _Choice("rpc:http://{}:{}".format(*_FRAME), (), "something answers where Frame does")


def _browser(url: str | None) -> str:
    if url is None:
        return "the wallets of your browser, on a chain that they reach: name a node with --rpc-url, or use the devnet"
    try:
        webbrowser.get()
    except webbrowser.Error:
        return "a browser's wallets (EIP-6963); no browser was found here: open the link that is printed yourself"
    return "the wallets of your browser (EIP-6963), on a page of this computer"


def _node(url: str) -> Iterator[_Choice]:
    """Yield the configured node's own accounts. Most nodes hold none, and some refuse to tell."""
    try:
        held = tuple(accounts(url, seconds=_NODE_SECONDS))
    except ConsentError as error:
        yield _Choice("rpc", (), f"the configured node holds none that can be used: {error}")
        return
    if held:
        yield _Choice("rpc", held, "the configured node's own; rpc:#ADDRESS names one of them")


def _listens(place: tuple[str, int]) -> bool:
    with socket.socket() as knock:
        knock.settimeout(_KNOCK_SECONDS)
        return knock.connect_ex(place) == 0
