"""The relay: a play-money network's own account, which pays for people without one.

Its key is in ``relay.json`` in the network's folder, a keystore with an empty passphrase and little key derivation. It
protects nothing: gas costs nothing on an embedded chain or a devnet, and no other chain knows the account.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from registry.core import codec
from registry.core.errors import ConsentError, LedgerUnavailable
from registry.fs.files import replace_file
from registry.wallets.keystore import LIGHT, MAX_KEYSTORE_BYTES, open_secret, random_key, seal_secret

if TYPE_CHECKING:
    from registry.wallets.keywallet import KeyWallet

_NOTE = "Play money only: this network's relay, sealed with an empty passphrase."
_decoder = msgspec.json.Decoder()


def relay_key(path: Path) -> bytes:
    """Return the relay's 32-byte key, made at first use. ``LedgerUnavailable`` if the file is damaged."""
    if not path.exists():
        document = seal_secret(random_key(), "", LIGHT) | {"note": _NOTE}
        replace_file(path, msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEYSTORE_BYTES + 1)
        return open_secret(codec.loads(raw, _decoder, MAX_KEYSTORE_BYTES), "")
    except (OSError, ConsentError) as error:
        advice = f"Move {path.name} out of the network's directory; a new relay is made, and nothing is lost."
        raise LedgerUnavailable(f"the relay's key file is damaged ({type(error).__name__})", advice) from None


class Relay:
    """The play-money account in a network's ``relay.json``, a `Sender`; opened when it first pays."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def address(self) -> str:
        """The checksummed address. ``LedgerUnavailable`` if the file is damaged."""
        return self._wallet.address

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed bytes of a transaction."""
        return self._wallet.sign_transaction(tx)

    @cached_property
    def _wallet(self) -> KeyWallet:
        from registry.wallets.keywallet import KeyWallet

        return KeyWallet(relay_key(self._path))
