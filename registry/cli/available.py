"""``wallets``: what can sign here, and how to name it."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from registry.cli.app import YOURS, app, command
from registry.cli.context import Session
from registry.core.errors import ConsentError
from registry.present.text import Line, table

if TYPE_CHECKING:
    from registry.wallets.keyfiles import KeyInfo

# Where Frame answers; nothing is asked there, because its owner would be asked whether we may.
_FRAME = ("127.0.0.1", 1248)
_KNOCK_SECONDS = 0.5
_NODE_SECONDS = 5.0


class _Choice(NamedTuple):
    """What stands after ``--wallet``, which accounts it has, and what to know about it."""

    wallet: str
    accounts: tuple[str, ...]
    about: str


@command(app, "wallets", "consent wallets", panel=YOURS)
def wallets(session: Session) -> None:
    """What can sign here, and how --wallet names it."""
    with session.out.working("looking for wallets"):
        found = list(_choices(session))
    document = {"wallets": [choice._asdict() for choice in found]}
    session.out.result(document, [*_lines(found), "", *_MORE])


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


def _choices(session: Session) -> Iterator[_Choice]:
    from registry.wallets import keyfiles

    if session.home.exists:
        yield _Choice("seed", (), "an account of its own for each brand; nothing has to be named")
    for key in keyfiles.list_keys(session.home.keys):
        yield _key_file(key)
    yield _Choice("browser", (), _browser(session.settings.rpc_url))
    if url := session.settings.rpc_url:
        yield from _node(url)
    if _answers(_FRAME):
        yield _Choice("rpc:http://{}:{}".format(*_FRAME), (), "something answers where Frame does")


def _key_file(key: KeyInfo) -> _Choice:
    return _Choice(f"key:{key.name}", (key.address,), "a key file of this home")


def _browser(url: str | None) -> str:
    if url is None:
        return "the wallets of your browser, on a chain that they reach: name a node with --rpc-url, or use the devnet"
    try:
        webbrowser.get()
    except webbrowser.Error:
        return "a browser's wallets (EIP-6963); no browser was found here: open the link that is printed yourself"
    return "the wallets of your browser (EIP-6963), on a page of this computer"


def _node(url: str) -> Iterator[_Choice]:
    """The accounts that the configured node holds, if it holds any: most do not, and some will not say."""
    from registry.wallets.rpc import accounts

    try:
        held = tuple(accounts(url, seconds=_NODE_SECONDS))
    except ConsentError as error:
        yield _Choice("rpc", (), f"the configured node holds none that can be used: {error}")
        return
    if held:
        yield _Choice("rpc", held, "the configured node's own; rpc:#ADDRESS names one of them")


def _answers(place: tuple[str, int]) -> bool:
    with socket.socket() as knock:
        knock.settimeout(_KNOCK_SECONDS)
        return knock.connect_ex(place) == 0
