"""The protocols of a wallet; the checks, and the message of a Safe's owners, that all wallets share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from registry.core.crypto.keccak import keccak256
from registry.core.eip712 import Domain, domain_of
from registry.core.errors import InvalidInput, Malformed, Rejected
from registry.core.scalars import read_address, to_hex
from registry.core.statements.typed_data import digest, parse_typed_data

_ADVICE = "Use another wallet for anything but consent."
# A Safe's owners sign ``SafeMessage(bytes message)`` in its own EIP-712 domain; the message is abi.encode(digest), the
# digest's 32 bytes (safe-smart-account 1.4.1, CompatibilityFallbackHandler).
_SAFE_DOMAIN_TYPE = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_SAFE_MESSAGE_TYPE = keccak256(b"SafeMessage(bytes message)")


@runtime_checkable
class Wallet(Protocol):
    """Signs statements as one address: from a key file, in a browser, or on a hardware device."""

    @property
    def address(self) -> str:
        """The checksummed address."""

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Sign EIP-712 JSON (types, primaryType, domain, message) as this address.

        A plain account returns 65 bytes r || s || v with v 27 or 28. A contract account's signature may be longer.
        ``Rejected`` if the person says no.
        """


@runtime_checkable
class Owner(Wallet, Protocol):
    """A wallet of a plain account, which may be one of a Safe's owners."""

    def sign_safe_message(self, typed_data: dict[str, Any], safe: str) -> bytes:
        """Sign this statement for the Safe at the checksummed address ``safe``, as one of its owners; return 65 bytes.

        The Safe's message holds only a digest, so the wallet makes it and shows the statement: nobody signs blindly.
        """


@dataclass(frozen=True)
class AbsentWallet:
    """An account whose wallet is not at hand, for work that needs only its address, like a private ending."""

    address: str

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Raise ``InvalidInput``: there is no wallet to sign with."""
        raise InvalidInput(f"the wallet of {self.address} is not at hand", "Name it, and try again.")


def checked_statement(typed_data: dict[str, Any]) -> tuple[Domain, bytes]:
    """Return the domain and the digest of a statement of this registry; ``InvalidInput`` for any other types."""
    try:
        domain, message = parse_typed_data(typed_data)
    except Malformed as error:
        raise InvalidInput(f"this wallet signs only consent statements: {error}", _ADVICE) from None
    if domain != domain_of(domain.chain_id, domain.verifying_contract):
        raise InvalidInput("this wallet signs only for a ConsentRegistry, version 1", _ADVICE)
    return domain, digest(domain, message)


def checked_safe_message(typed_data: dict[str, Any], safe: str) -> tuple[dict[str, Any], bytes]:
    """Return the Safe's message of a statement, and its digest; ``InvalidInput`` if `checked_statement` refuses it."""
    domain, signed = checked_statement(typed_data)
    return safe_message(domain.chain_id, safe, signed), safe_digest(domain.chain_id, safe, signed)


def safe_message(chain_id: int, safe: str, signed: bytes) -> dict[str, Any]:
    """Return the EIP-712 JSON, for ``eth_signTypedData_v4``, whose digest is `safe_digest`."""
    return {
        "types": {
            "EIP712Domain": [{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "SafeMessage": [{"name": "message", "type": "bytes"}],
        },
        "primaryType": "SafeMessage",
        "domain": {"chainId": chain_id, "verifyingContract": safe},
        "message": {"message": to_hex(signed)},
    }


def safe_digest(chain_id: int, safe: str, signed: bytes) -> bytes:
    """Return the 32 bytes that a Safe's owners sign, so that the Safe has signed the digest ``signed``."""
    domain = keccak256(_SAFE_DOMAIN_TYPE + chain_id.to_bytes(32, "big") + bytes(12) + read_address(safe))
    return keccak256(b"\x19\x01" + domain + keccak256(_SAFE_MESSAGE_TYPE + keccak256(signed)))


def checked_signature(signature: bytes, signed: bytes, address: str) -> bytes:
    """Return a plain account's signature of the digest ``signed`` as the chain takes it; ``Rejected`` if it is none.

    That is 65 bytes, with a low s (EIP-2), and v 27 or 28; a v of 0 or 1 becomes 27 or 28.
    """
    # Slow to load, and not needed to list or open keys.
    from registry.core.crypto.signatures import HALF_ORDER, recover_address
    from registry.core.verify.judge import advice_on

    if len(signature) != 65:
        raise Rejected(f"a signature has 65 bytes; the wallet returned {len(signature)}", advice_on(signature))
    signature = with_usual_v(signature)
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise Rejected("the wallet's signature has an s in the upper half (EIP-2)", "Sign with another wallet.")
    if recover_address(signed, signature) != read_address(address):
        raise Rejected(f"the wallet's signature is not that of {address}", "Choose that account in the wallet.")
    return signature


def with_usual_v(signature: bytes) -> bytes:
    """Return the signature with a v of 27 or 28, the only ones in evidence, where some hardware writes 0 or 1."""
    if len(signature) == 65 and signature[64] < 2:
        return signature[:64] + bytes([signature[64] + 27])
    return signature
