"""The keys and secrets derived from a vault seed (32 random bytes), by HKDF-SHA256 (RFC 5869; docs/formats.md)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.errors import InvalidInput
from registry.core.scalars import read_address, unhex

_SCOPES = (20, 32)
_GENERATIONS = 2**32


def owner_identity(seed: bytes) -> str:
    """The age identity to which the vault's index and book are sealed."""
    return identity_from_seed(_derive(seed, b"ConsentRegistry/1/owner"))


def vault_key(seed: bytes) -> Ed25519PrivateKey:
    """The owner's key: it signs index, book, and the heads and lists of own streams."""
    return Ed25519PrivateKey.from_private_bytes(_derive(seed, b"ConsentRegistry/1/vault"))


def relationship_key(seed: bytes, subject: str, controller: str) -> Ed25519PrivateKey:
    """The key of a subject's account and a controller, whose public half is ``vaultKey``: it signs all of a bundle."""
    return Ed25519PrivateKey.from_private_bytes(_derive(seed, b"ConsentRegistry/1/vault/" + _both(subject, controller)))


def mailbox_identity(seed: bytes, subject: str, controller: str) -> str:
    """The age identity of a relationship, for what the brand sends back; its recipient stands in the capsule."""
    return identity_from_seed(_derive(seed, b"ConsentRegistry/1/mailbox/" + _both(subject, controller)))


def search_key(seed: bytes) -> bytes:
    """The 32 bytes that encrypt the working copy."""
    return _derive(seed, b"ConsentRegistry/1/search")


def homes_name(seed: bytes) -> str:
    """The name under which all homes of a seed leave their newest index: 16 bytes, as hex without 0x."""
    return _derive(seed, b"ConsentRegistry/1/homes", length=16).hex()


def shredded_mark(seed: bytes, record_id: bytes) -> str:
    """What the book keeps of a shredded record's id (16 bytes): it recognises the id, and does not tell it."""
    return shredded_marks(seed)(record_id)


def shredded_marks(seed: bytes) -> Callable[[bytes], str]:
    """Return a `shredded_mark` of this seed, for many ids."""
    key = _derive(seed, b"ConsentRegistry/1/shredded")
    return lambda record_id: hmac.digest(key, record_id, hashlib.sha256).hex()


def revocation_secret(seed: bytes, salt: str) -> bytes:
    """The 32 bytes that open the lock of the grant with this salt."""
    return _derive(seed, b"ConsentRegistry/1/revocation", unhex(salt))


def fingerprint(seed: bytes) -> str:
    """Return 20 hex digits, in fours, of the SHA-256 of the owner's age recipient: they name a seed in the open."""
    digits = hashlib.sha256(recipient_of(owner_identity(seed)).encode()).hexdigest()[:20]
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def account_number(seed: bytes, name: str, generation: int) -> int:
    """The number n, below 2**31, of the account m/44'/60'/n'/0/0 for ``name`` (0x hex).

    ``name`` is a controller's address (20 bytes), or the salt (32) of an Intent or Mandate that has its own account.
    """
    scope = unhex(name)
    if len(scope) not in _SCOPES or not 0 <= generation < _GENERATIONS:
        advice = "Name 20 or 32 bytes, and a generation of 0 to 4,294,967,295."
        raise InvalidInput(f"there is no account {generation} for {name[:80]!r}", advice)
    derived = _derive(seed, b"ConsentRegistry/1/account/" + scope + generation.to_bytes(4, "big"))
    return int.from_bytes(derived[:4], "big") >> 1


def _both(subject: str, controller: str) -> bytes:
    return read_address(subject) + read_address(controller)


def _derive(seed: bytes, info: bytes, salt: bytes | None = None, length: int = 32) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(seed)
