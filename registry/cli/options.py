"""Options that several commands share, each defined once. Their values are read from `Context`, not from parameters."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_EVERYWHERE = "Everywhere"


def _common(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_EVERYWHERE, show_default=False, **more)


# Every command has these, but for those that it leaves out.
COMMON: dict[str, Any] = {
    "home": Annotated[str | None, _common("--home", metavar="FOLDER", help="Your own folder (CONSENT_HOME).")],
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
    "verbose": Annotated[int, _common("--verbose", "-v", count=True, help="Print more, on stderr.")],
}
# A command that needs neither a home nor a network leaves these out.
STANDS_ALONE = frozenset({"home", "network", "rpc_url", "ipfs", "passphrase_fd"})

SHARED: dict[str, Any] = {
    "wallets": Annotated[
        list[str] | None,
        typer.Option(
            "--wallet", metavar="WALLET", help="Sign with browser, rpc:URL or key:NAME; see `consent wallets`."
        ),
    ],
    "contract": Annotated[
        str | None,
        typer.Option(
            "--as", metavar="ADDRESS", help="Sign as this contract account; --wallet names its owners, repeat."
        ),
    ],
    "key": Annotated[
        str | None, typer.Option("--key", metavar="ACCOUNT", help="Sign with this key file: its name or address.")
    ],
    "sender": Annotated[
        str | None,
        typer.Option("--sender", metavar="ACCOUNT", help="Who pays, not the relay: self, or a wallet or key file."),
    ],
    "depth": Annotated[
        int | None,
        typer.Option("--confirmations", metavar="N", min=0, help="Wait until N blocks lie above the transaction."),
    ],
    "yes": Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before signing.")],
}
DEFAULTS: dict[str, Any] = {"json": False, "verbose": 0, "yes": False}

WALLET = ("wallets", "contract", "key")
SENDING = (*WALLET, "sender", "depth")
SIGNING = (*SENDING, "yes")
