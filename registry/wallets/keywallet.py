"""A wallet that holds its account's key in this process's memory."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, NoReturn

from registry.core.errors import InvalidInput
from registry.lazy_py_ecc import eth_account
from registry.wallets.base import checked_safe_message, checked_statement
from registry.wallets.keystore import CURVE_ORDER


def address_of(key: bytes) -> str:
    """Return the checksummed address of a 32-byte secp256k1 key; ``InvalidInput`` if it is not one."""
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        raise InvalidInput("not a secp256k1 key", "A key has 32 bytes, is not zero and is below the curve's order.")
    return str(eth_account().Account.from_key(key).address)


class KeyWallet:
    """Signs this registry's statements and transactions, and nothing else; never shows its key."""

    __slots__ = ("_key", "address")

    def __init__(self, key: bytes) -> None:
        self.address: Final = address_of(key)
        self._key = key

    def __repr__(self) -> str:
        return f"KeyWallet({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet that holds its key cannot be copied or pickled")

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Return 65 bytes r || s || v over the EIP-712 digest (RFC 6979); ``InvalidInput`` for any other types."""
        return self._signed(checked_statement(typed_data)[1])

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        """Sign the Safe's message of this statement; return 65 bytes."""
        return self._signed(checked_safe_message(typed_data, safe)[1])

    def _signed(self, digest: bytes) -> bytes:
        return bytes(eth_account().Account.unsafe_sign_hash(digest, self._key).signature)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Return the signed bytes of a transaction with JSON-RPC's names; ``InvalidInput`` if it is not one."""
        try:
            return bytes(eth_account().Account.sign_transaction(tx, self._key).raw_transaction)
        except (TypeError, ValueError, KeyError) as error:
            raise InvalidInput(f"not a transaction ({type(error).__name__})", "Check its members.") from None


class HashSigner(KeyWallet):
    """The account of a service, which also signs digests that its callers computed: a notary's promises.

    No person's key belongs into one, because a digest does not show what is signed.
    """

    __slots__ = ("_sign",)

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        try:
            from coincurve import PrivateKey
        except ModuleNotFoundError:
            self._sign = None
        else:
            self._sign = partial(PrivateKey(key).sign_recoverable, hasher=None)

    def sign_hash(self, digest: bytes) -> bytes:
        """Return the plain ECDSA signature (65 bytes, RFC 6979, v 27 or 28) of a 32-byte digest. Safe for threads."""
        if self._sign is None:
            return self._signed(digest)
        raw: bytes = self._sign(digest)
        return raw[:64] + bytes([raw[64] + 27])
