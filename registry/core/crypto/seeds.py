"""Keys derived from a vault seed (32 random bytes): the owner's identity and the signing key (DESIGN section 6)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from registry.core.age.recipients import identity_from_seed


def owner_identity(seed: bytes) -> str:
    """The age identity to which the vault's index is sealed."""
    return identity_from_seed(_derive(seed, b"ConsentRegistry/1/owner"))


def vault_key(seed: bytes) -> Ed25519PrivateKey:
    """The key that signs stream heads and capsules."""
    return Ed25519PrivateKey.from_private_bytes(_derive(seed, b"ConsentRegistry/1/vault"))


def _derive(seed: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=info).derive(seed)
