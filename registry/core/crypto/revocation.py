"""Locks, tags and handles: the hashes by which a grant is revoked (docs/formats.md, "Statements").

The holder of the *secret* opens a grant's *lock* privately. The subject's own address can revoke openly without it.
"""

from __future__ import annotations

from registry.core.crypto.keccak import keccak256
from registry.core.scalars import read_address, to_hex, unhex


def lock_of(secret: bytes) -> str:
    """The lock that this 32-byte secret opens: the grant's ``revocation``."""
    return to_hex(keccak256(secret))


def salt_hash(salt: str) -> str:
    """keccak256(abi.encode(salt)): the subject can revoke openly with it and keep the salt secret."""
    return to_hex(keccak256(unhex(salt)))


def tag_of(subject: str, salt: str) -> str:
    """keccak256(abi.encode(subject, saltHash)): binds the lock to its subject without revealing the subject."""
    return to_hex(keccak256(bytes(12) + read_address(subject) + keccak256(unhex(salt))))


def handle_of(lock: str, tag: str) -> str:
    """keccak256(abi.encode(lock, tag)): the value that the contract marks as revoked."""
    return to_hex(keccak256(unhex(lock) + unhex(tag)))


def handle_for(subject: str, revocation: str, salt: str) -> str:
    """The handle of a grant with these members."""
    return handle_of(revocation, tag_of(subject, salt))
