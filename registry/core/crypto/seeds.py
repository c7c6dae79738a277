"""The keys and secrets derived from a vault seed (32 random bytes), by HKDF-SHA256 (RFC 5869; docs/formats.md)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.core.age.recipients import identity_from_seed
from registry.core.scalars import unhex


def owner_identity(seed: bytes) -> str:
    """The age identity to which the vault's index is sealed."""
    return identity_from_seed(_derive(seed, b"ConsentRegistry/1/owner"))


def vault_key(seed: bytes) -> Ed25519PrivateKey:
    """The key that signs stream heads and capsules."""
    return Ed25519PrivateKey.from_private_bytes(_derive(seed, b"ConsentRegistry/1/vault"))


def revocation_secret(seed: bytes, salt: str) -> bytes:
    """The 32 bytes that open the lock of the grant with this salt."""
    return _derive(seed, b"ConsentRegistry/1/revocation", unhex(salt))


def _derive(seed: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(seed)
