"""What all statement types share: their members as bytes, and the bounds of their windows."""

from __future__ import annotations

from typing import NamedTuple

from registry.core.errors import Malformed
from registry.core.scalars import MAX_DURATION


class MemberBytes(NamedTuple):
    """A message's bytes32 members, its addresses (the author first), and the hashes of its lists and terms."""

    words: tuple[bytes, ...]
    addresses: tuple[bytes, ...]
    scope: tuple[bytes, ...]


def check_window(issued_at: int, not_before: int, expires_at: int) -> None:
    """Raise ``Malformed`` unless the window is not empty and ends within ten years of ``issued_at``."""
    if expires_at == 0:
        raise Malformed("expiresAt is 0, but every consent ends")
    if expires_at <= not_before or expires_at <= issued_at:
        raise Malformed("expiresAt is before the beginning")
    if expires_at - issued_at > MAX_DURATION:
        raise Malformed("expiresAt is more than ten years after issuedAt")
