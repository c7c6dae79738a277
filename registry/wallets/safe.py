"""Signs as a Safe, a contract account with several owners (safe-smart-account 1.4.1).

Its CompatibilityFallbackHandler answers ERC-1271. The owners sign ``SafeMessage(bytes message)`` in the Safe's own
EIP-712 domain; the message is abi.encode(digest), the digest's 32 bytes. The Safe's signature is the owners', 65 bytes
each, in the order of their addresses ("Safe.checkNSignatures").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry.core.crypto.keccak import keccak256
from registry.core.errors import InvalidInput
from registry.core.scalars import read_address, to_hex
from registry.wallets.base import Owner, checked_signature, checked_statement

_DOMAIN_FIELDS = (("chainId", "uint256"), ("verifyingContract", "address"))
_DOMAIN_TYPE = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_MESSAGE_TYPE = keccak256(b"SafeMessage(bytes message)")


def safe_digest(chain_id: int, safe: str, digest: bytes) -> bytes:
    """Return the 32 bytes that a Safe's owners sign, so that the Safe has signed the 32 bytes of ``digest``."""
    domain = keccak256(_DOMAIN_TYPE + chain_id.to_bytes(32, "big") + bytes(12) + read_address(safe))
    return keccak256(b"\x19\x01" + domain + keccak256(_MESSAGE_TYPE + keccak256(digest)))


def safe_message(chain_id: int, safe: str, digest: bytes) -> dict[str, Any]:
    """Return the EIP-712 JSON, for ``eth_signTypedData_v4``, whose digest is `safe_digest`."""
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN_FIELDS],
            "SafeMessage": [{"name": "message", "type": "bytes"}],
        },
        "primaryType": "SafeMessage",
        "domain": {"chainId": chain_id, "verifyingContract": safe},
        "message": {"message": to_hex(digest)},
    }


class SafeWallet:
    """Signs as the Safe at a checksummed address with all of these owners, as many as its threshold."""

    def __init__(self, address: str, owners: Sequence[Owner]) -> None:
        self._address = address
        self.owners = tuple(sorted(owners, key=lambda owner: read_address(owner.address)))
        if not owners or len({owner.address for owner in owners}) < len(owners):
            raise InvalidInput("a Safe needs different owners, at least one", "Name each of them once.")

    @property
    def address(self) -> str:
        return self._address

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        """Return 65 bytes for each owner, in the order of their addresses; ``Rejected`` if one of them says no."""
        domain, digest = checked_statement(typed_data)
        signed = safe_digest(domain.chain_id, self._address, digest)
        return b"".join(
            checked_signature(owner.sign_safe_message(typed_data, self._address), signed, owner.address)
            for owner in self.owners
        )
