"""What the other layers ask of a wallet, and what every wallet asks of a statement and of a signature."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from registry.core.errors import InvalidInput, Malformed, Rejected
from registry.core.scalars import read_address
from registry.core.statements.messages import Domain, domain_of
from registry.core.statements.typed_data import digest, parse_typed_data

_ADVICE = "Use another wallet for other things than consent."


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


@runtime_checkable
class Owner(Wallet, Protocol):
    """A wallet of a plain account, which may be one of those that a Safe belongs to."""

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        """Sign this statement for the Safe at the checksummed address ``safe``, as one of its owners: 65 bytes.

        What is signed is the Safe's own message, 32 bytes that tell a reader nothing. So the wallet is given the
        statement, makes that message from it, and shows the statement's words: nobody gets a blind signature.
        """


class AbsentWallet:
    """An account whose wallet is not at hand: enough for what needs its address alone, as ending in private does."""

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def address(self) -> str:
        return self._address

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """``InvalidInput``: nobody is there who could sign."""
        raise InvalidInput(f"the wallet of {self._address} is not at hand", "Name it, and try again.")


def checked_statement(typed_data: dict[str, Any]) -> tuple[Domain, bytes]:
    """The domain and the digest of one of this registry's statements; ``InvalidInput`` for anybody else's types."""
    try:
        domain, message = parse_typed_data(typed_data)
    except Malformed as error:
        raise InvalidInput(f"this wallet signs only consent statements: {error}", _ADVICE) from None
    if domain != domain_of(domain.chain_id, domain.verifying_contract):
        raise InvalidInput("this wallet signs only for a ConsentRegistry, version 1", _ADVICE)
    return domain, digest(domain, message)


def checked_signature(signature: bytes, signed: bytes, address: str) -> bytes:
    """A plain account's signature of the digest ``signed`` as the chain takes it, whoever says that it is one.

    65 bytes, low s, v 27 or 28 (0 and 1 mean the same, and become that). ``Rejected`` says what is wrong.
    """
    # Not needed to list or to open keys, and slow to load.
    from registry.core.crypto.signatures import HALF_ORDER, recover_address
    from registry.core.verify.judge import advice_on

    if len(signature) != 65:
        raise Rejected(f"a signature has 65 bytes; the wallet returned {len(signature)}", advice_on(signature))
    if signature[64] < 2:
        signature = signature[:64] + bytes([signature[64] + 27])
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise Rejected("the wallet's signature has an s in the upper half (EIP-2)", "Sign with another wallet.")
    if recover_address(signed, signature) != read_address(address):
        raise Rejected(f"the wallet's signature is not that of {address}", "Choose that account in the wallet.")
    return signature
