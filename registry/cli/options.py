"""Options and arguments that several commands share, each defined once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.core.errors import InvalidInput


def _option(kind: Any, *names: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(*names, **more)]


def _common(kind: Any, *names: str, **more: Any) -> Any:
    return _option(kind, *names, rich_help_panel="Everywhere", show_default=False, **more)


def byte_size(text: str | int) -> int:
    """Parse a number of bytes, as 1000, 500MB or 2GiB."""
    if found := _SIZE.fullmatch(str(text)):
        kilo = 1024 if found[3] else 1000
        return int(found[1]) * int(kilo ** " KMGT".index((found[2] or " ").upper()))
    raise typer.BadParameter("it is not a size, such as 500MB or 2GiB")


_SIZE = re.compile(r"(\d{1,15})(?:([kKMGT])(i)?B)?")
_TEXT, _NUMBER = str | None, int | None

# Every command has these, but for those that it leaves out. `Context.flags` has their values, as those of `SHARED`.
COMMON: dict[str, Any] = {
    "home": _common(_TEXT, "--home", metavar="FOLDER", help="Your own folder (CONSENT_HOME)."),
    "network": _common(_TEXT, "--network", metavar="FOLDER", help="Shared by all parties here (CONSENT_NETWORK)."),
    "rpc_url": _common(_TEXT, "--rpc-url", metavar="URL", help="An Ethereum node, not the embedded chain."),
    "ipfs": _common(_TEXT, "--ipfs", metavar="ADDRESS", help="A Kubo node, not the embedded store."),
    "allow_announcing": _common(
        bool | None, "--allow-announcing", help="Take an IPFS node that announces what it holds."
    ),
    "passphrase_fd": _common(
        _NUMBER, "--passphrase-fd", metavar="N", min=0, help="Read the passphrase from descriptor N."
    ),
    "json": _common(bool, "--json", help="Print JSON lines."),
    "verbose": _common(int, "--verbose", "-v", count=True, help="Print more, on stderr."),
}
# A command that needs neither a home nor a network leaves these out.
STANDS_ALONE = frozenset({"home", "network", "rpc_url", "ipfs", "allow_announcing", "passphrase_fd"})

SHARED: dict[str, Any] = {
    "wallets": _option(
        list[str] | None,
        "--wallet",
        metavar="WALLET",
        help="Sign with browser, rpc:URL or key:NAME; see `consent wallets`.",
    ),
    "contract": _option(
        _TEXT, "--as", metavar="ADDRESS", help="Sign as this contract account; --wallet names its owners, repeat."
    ),
    "key": _option(_TEXT, "--key", metavar="ACCOUNT", help="Sign with this key file: its name or address."),
    "sender": _option(
        _TEXT, "--sender", metavar="ACCOUNT", help="Who pays, not the relay: self, or a wallet or key file."
    ),
    "notary": _option(
        list[str] | None,
        "--notary",
        metavar="URL",
        help="A notary that anchors and ends, free: URL#ACCOUNT, or none; repeat (CONSENT_NOTARY).",
    ),
    "no_wait": _option(bool, "--no-wait", help="Leave once a notary promised it; `consent status` completes it."),
    "depth": _option(
        _NUMBER, "--confirmations", metavar="N", min=0, help="Wait until N blocks lie above the transaction."
    ),
    "guessable": _option(bool, "--guessable", help="Take a passphrase that can be guessed, for tests and play money."),
    "passphrase_file": _option(
        _TEXT,
        "--passphrase-file",
        metavar="FILE",
        help="Read the passphrase from this file, for a service (CONSENT_PASSPHRASE_FILE).",
    ),
    "force": _option(bool, "--force", help="Replace the file that is written, if there is one."),
    "yes": _option(bool, "--yes", "-y", help="Do not ask first."),
}
DEFAULTS: dict[str, Any] = {"json": False, "verbose": 0, "yes": False, "guessable": False, "force": False}
DEFAULTS |= {"no_wait": False}

WALLET = ("wallets", "contract", "key")
SENDING = (*WALLET, "sender", "notary", "depth")
SIGNING = (*SENDING, "yes")

Spread = Annotated[
    float | None,
    typer.Option("--spread", metavar="HOURS", help="Not at once: each at a random time within so many hours."),
]

# Parameters that several commands declare in the same way.
Purposes = Annotated[
    list[str] | None, typer.Option("--purpose", metavar="IRI", help="This purpose; repeat. By default all of them.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", metavar="IRI", help="This kind of data; repeat. By default all.")
]
EvidenceOut = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write it there too; it is kept in your home anyway.")
]
EvidenceFile = Annotated[
    str, typer.Argument(metavar="FILE", help="An evidence file, or the digest of one that is kept here.")
]
AcceptRisk = Annotated[
    list[str] | None,
    typer.Option(metavar="RISK", help="Accept a risk that is named to you, which --yes does not; repeat."),
]


def accepted_risks(named: list[str] | None) -> set[str]:
    """Return the risks of ``--accept-risk``; ``InvalidInput`` for an unknown one."""
    from registry.client.risks import RISKS

    if unknown := sorted(set(named or ()).difference(RISKS)):
        raise InvalidInput(f"there is no risk {unknown[0][:80]!r}", f"Name {' or '.join(RISKS)}.")
    return set(named or ())
