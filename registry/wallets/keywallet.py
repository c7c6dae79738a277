"""An account whose key is in this process's memory, for as long as the object lives."""

from __future__ import annotations

from typing import Any, NoReturn

from registry.core.errors import InvalidInput, Malformed
from registry.core.statements import domain_of
from registry.core.typeddata import parse_typed_data
from registry.wallets.keystore import CURVE_ORDER

_ADVICE = "Use another wallet for other things than consent."


def address_of(key: bytes) -> str:
    """The checksummed address of a 32-byte secp256k1 key; ``InvalidInput`` where it is none."""
    from eth_account import Account

    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        raise InvalidInput(
            "that is no secp256k1 key", "A key has 32 bytes, is not zero and lies below the curve's order."
        )
    return str(Account.from_key(key).address)


class KeyWallet:
    """Signs this registry's statements and transactions, nothing else; never shows its key."""

    __slots__ = ("_address", "_key")

    def __init__(self, key: bytes) -> None:
        self._address = address_of(key)
        self._key = key

    @property
    def address(self) -> str:
        return self._address

    def __repr__(self) -> str:
        return f"KeyWallet({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet with its key is neither copied nor stored")

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """65 bytes r || s || v over the EIP-712 digest (RFC 6979); ``InvalidInput`` for anybody else's types."""
        from eth_account import Account

        try:
            domain, _ = parse_typed_data(typed_data)
        except Malformed as error:
            raise InvalidInput(f"this wallet signs only consent statements: {error}", _ADVICE) from None
        if domain != domain_of(domain.chain_id, domain.verifying_contract):
            raise InvalidInput("this wallet signs only for a ConsentRegistry, version 1", _ADVICE)
        return bytes(Account.sign_typed_data(self._key, full_message=typed_data).signature)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """The signed bytes of a transaction given with JSON-RPC's names; ``InvalidInput`` where it is none."""
        from eth_account import Account

        try:
            return bytes(Account.sign_transaction(tx, self._key).raw_transaction)
        except (TypeError, ValueError, KeyError) as error:
            raise InvalidInput(f"that is no transaction ({type(error).__name__})", "Check its members.") from None
