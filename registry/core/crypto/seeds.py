"""The keys and secrets derived from a vault seed (32 random bytes), by HKDF-SHA256 (RFC 5869; docs/formats.md)."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.core.age.recipients import identity_from_seed, recipient_of
from registry.core.errors import InvalidInput
from registry.core.scalars import unhex

_SCOPES = (20, 32)
_GENERATIONS = 2**32


def owner_identity(seed: bytes) -> str:
    """The age identity to which the vault's index is sealed."""
    return identity_from_seed(_derive(seed, b"ConsentRegistry/1/owner"))


def vault_key(seed: bytes) -> Ed25519PrivateKey:
    """The key that signs stream heads and capsules."""
    return Ed25519PrivateKey.from_private_bytes(_derive(seed, b"ConsentRegistry/1/vault"))


def revocation_secret(seed: bytes, salt: str) -> bytes:
    """The 32 bytes that open the lock of the grant with this salt."""
    return _derive(seed, b"ConsentRegistry/1/revocation", unhex(salt))


def fingerprint(seed: bytes) -> str:
    """Return 20 hex digits, in fours, of the SHA-256 of the owner's age recipient: they name a seed in the open."""
    digits = sha256(recipient_of(owner_identity(seed)).encode()).hexdigest()[:20]
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


def _derive(seed: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(seed)
