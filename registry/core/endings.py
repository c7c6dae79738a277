"""What ends consent, as a relay gets it: openings, and the three signed statements that the contract knows.

A relay needs the digests of Revoke, RevokeAll and Retire, and nothing else of a statement. So this imports none: the
statements take the members and types of these three from here.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.revocation import handle_of
from registry.core.eip712 import Domain, signing_hash
from registry.core.errors import Malformed
from registry.core.scalars import Address, Bytes32, Signature, UInt64, read_address, read_hex, read_words, to_hex, unhex

ENDING_TYPES = {
    "Revoke": "Revoke(address subject,bytes32 handle)",
    "RevokeAll": "RevokeAll(address subject,uint64 issuedUntil)",
    "Retire": "Retire(address subject)",
}
_TYPE_HASHES = {name: keccak256(text.encode()) for name, text in ENDING_TYPES.items()}
# Openings of one transaction. One request holds no more.
MAX_ENDINGS = 100
MAX_BODY = 2 * 1024 * 1024


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Opening(_Strict, frozen=True):
    """What reveals a lock in private: its secret, and the tag of the grant's subject (32 bytes each)."""

    secret: Bytes32
    tag: Bytes32

    def __post_init__(self) -> None:
        read_words((self.secret, self.tag))

    @property
    def handle(self) -> str:
        """The handle that it revokes."""
        return handle_of(to_hex(keccak256(unhex(self.secret))), self.tag)


class RevokeMembers(_Strict, frozen=True):
    """The members of a Revoke."""

    subject: Address
    handle: Bytes32


class RevokeAllMembers(_Strict, frozen=True):
    """The members of a RevokeAll."""

    subject: Address
    issued_until: UInt64


class RetireMembers(_Strict, frozen=True):
    """The members of a Retire."""

    subject: Address


class SignedRevoke(_Strict, frozen=True, tag_field="primaryType", tag="Revoke"):
    """A Revoke with what ``revokeOpenlyFor`` needs; the lock and the salt's hash must make its handle."""

    message: RevokeMembers
    lock: Bytes32
    salt_hash: Bytes32
    signature: Signature

    def __post_init__(self) -> None:
        lock, salt, handle = read_words((self.lock, self.salt_hash, self.message.handle))
        tag = keccak256(bytes(12) + read_address(self.message.subject) + salt)
        if keccak256(lock + tag) != handle:
            raise Malformed("the lock and the saltHash do not make this handle")
        read_hex(self.signature, "signature")

    def struct_hash(self) -> bytes:
        """``hashStruct`` of EIP-712, 32 bytes."""
        subject = read_address(self.message.subject).rjust(32, b"\0")
        return keccak256(_TYPE_HASHES["Revoke"] + subject + unhex(self.message.handle))


class SignedRevokeAll(_Strict, frozen=True, tag_field="primaryType", tag="RevokeAll"):
    """The signed kill switch of one account."""

    message: RevokeAllMembers
    signature: Signature

    def __post_init__(self) -> None:
        read_address(self.message.subject)
        read_hex(self.signature, "signature")

    def struct_hash(self) -> bytes:
        """``hashStruct`` of EIP-712, 32 bytes."""
        subject = read_address(self.message.subject).rjust(32, b"\0")
        return keccak256(_TYPE_HASHES["RevokeAll"] + subject + self.message.issued_until.to_bytes(32, "big"))


class SignedRetire(_Strict, frozen=True, tag_field="primaryType", tag="Retire"):
    """The signed end of one account, for ever."""

    message: RetireMembers
    signature: Signature

    def __post_init__(self) -> None:
        read_address(self.message.subject)
        read_hex(self.signature, "signature")

    def struct_hash(self) -> bytes:
        """``hashStruct`` of EIP-712, 32 bytes."""
        return keccak256(_TYPE_HASHES["Retire"] + read_address(self.message.subject).rjust(32, b"\0"))


SignedEnding = SignedRevoke | SignedRevokeAll | SignedRetire


class Endings(_Strict, frozen=True, omit_defaults=True):
    """The body of ``POST /v1/revocations``: either openings or signed endings, 1 to 100."""

    openings: Annotated[tuple[Opening, ...], Meta(max_length=MAX_ENDINGS)] = ()
    signed: Annotated[tuple[SignedEnding, ...], Meta(max_length=MAX_ENDINGS)] = ()

    def __post_init__(self) -> None:
        if bool(self.openings) == bool(self.signed):
            raise Malformed("the request holds either openings or signed endings")


def ending_digest(domain: Domain, ending: SignedEnding) -> bytes:
    """Return the EIP-712 signing hash of a signed ending, 32 bytes."""
    return signing_hash(domain, ending.struct_hash())


_decoder = msgspec.json.Decoder(Endings)


def parse_endings(raw: bytes) -> Endings:
    """Parse the body of ``POST /v1/revocations``; ``Malformed`` for anything else."""
    return codec.loads(raw, _decoder, MAX_BODY)
