"""The members of a Mandate, and their rules: which powers there are, and for whom one may act (docs/formats.md)."""

from __future__ import annotations

from msgspec import Struct

from registry.core.crypto.keccak import keccak256
from registry.core.errors import Malformed
from registry.core.scalars import ZERO_ADDRESS, Address, Bytes32, UInt64, hash_text, known_address

MANDATE_TYPE = (
    "Mandate(string statement,address subject,address delegate,string[] powers,string[] purposes,string[] data,"
    "address[] controllers,bytes32 notice,bytes32 details,uint64 issuedAt,uint64 notBefore,uint64 expiresAt,"
    "bytes32 revocation,bytes32 salt)"
)
# The types of statement that a delegate may sign. A Mandate is none of them: a delegate makes no delegate.
POWERS = ("Bids", "Deal", "Grant", "Intent", "Offer", "Refusal")
MAX_CONTROLLERS = 64
ANY_CONTROLLER = (ZERO_ADDRESS,)


class MandateMembers(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A person lets ``delegate`` sign statements of the types ``powers`` for them, until it expires or they end it.

    ``controllers`` are the brands that it may be for, or the zero address alone, which stands for any one. ``details``
    is the SHA-256 of limits and instructions that no brand sees (`registry.core.notices.details`).
    """

    statement: str
    subject: Address
    delegate: Address
    powers: tuple[str, ...]
    purposes: tuple[str, ...]
    data: tuple[str, ...]
    controllers: tuple[Address, ...]
    notice: Bytes32
    details: Bytes32
    issued_at: UInt64
    not_before: UInt64
    expires_at: UInt64
    revocation: Bytes32
    salt: Bytes32

    @property
    def controller(self) -> str:
        """The account that the notice names as its controller: the delegate, to whom the mandate is given."""
        return self.delegate

    def check_lists(self) -> None:
        """``Malformed`` unless powers and controllers are sorted, without repeats, known, and at least one each."""
        check_powers(self.powers)
        check_controllers(self.controllers)

    @property
    def hashed_lists(self) -> tuple[bytes, bytes]:
        """The EIP-712 hashes of ``powers`` and ``controllers``, 32 bytes each."""
        powers = keccak256(b"".join(map(hash_text, self.powers)))
        return powers, keccak256(b"".join(known_address(each).rjust(32, b"\0") for each in self.controllers))


def check_powers(powers: tuple[str, ...]) -> None:
    """``Malformed`` unless these are names of powers, sorted, without repeats, and at least one."""
    if not powers:
        raise Malformed("powers is empty: it needs at least one")
    if unknown := [power for power in powers if power not in POWERS]:
        raise Malformed(f"powers: {unknown[0][:80]!r} is none of {', '.join(POWERS)}")
    if list(powers) != sorted(set(powers)):
        raise Malformed("powers must be sorted by their UTF-8 bytes, with no repeats")


def check_controllers(controllers: tuple[str, ...]) -> None:
    """``Malformed`` unless these are 1 to 64 addresses in ascending order, or the zero address alone."""
    if not 1 <= len(controllers) <= MAX_CONTROLLERS:
        raise Malformed(f"controllers holds {len(controllers)} addresses, not 1 to {MAX_CONTROLLERS}")
    numbers = [known_address(each) for each in controllers]
    if numbers != sorted(set(numbers)):
        raise Malformed("controllers must be sorted by their 20 bytes, with no repeats")
    if len(controllers) > 1 and ZERO_ADDRESS in controllers:
        raise Malformed("controllers holds the zero address, which stands for any one, beside others")
