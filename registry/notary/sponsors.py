"""Sponsors' keys: 32 random bytes, shown once and kept as a hash."""

from __future__ import annotations

import secrets
from hashlib import sha256


def new_sponsor_key() -> tuple[str, bytes]:
    """Return a new key, as text to show once, and its hash to keep."""
    key = secrets.token_urlsafe(32)
    return key, sponsor_key_hash(key)


def sponsor_key_hash(key: str) -> bytes:
    """Return the SHA-256 of a key's text, by which the intake knows the sponsor.

    The key is random, so that a slow hash would protect nothing more.
    """
    return sha256(key.encode()).digest()
