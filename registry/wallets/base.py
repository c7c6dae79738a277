"""What the other layers ask of a wallet."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Wallet(Protocol):
    """Signs statements as one address: a key file here, a browser's wallet or a hardware one elsewhere."""

    @property
    def address(self) -> str:
        """Checksummed."""

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Sign EIP-712 JSON (types, primaryType, domain, message) as this address.

        65 bytes r || s || v with v 27 or 28 from a plain account; a contract account's signature may be longer.
        ``Rejected`` where the person says no.
        """
