"""Keccak-256 as Ethereum uses it: from safe-pysha3 if it is installed, else from pycryptodome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["fresh_state", "keccak256"]


class State(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> object:
        """Add bytes."""

    def digest(self) -> bytes:
        """The hash of all bytes added, 32 bytes."""


def _portable() -> Callable[[], State]:
    from Crypto.Hash import keccak

    return lambda: keccak.new(digest_bits=256)


def _fastest() -> Callable[[], State]:
    try:
        from sha3 import keccak_256
    except ImportError:
        return _portable()
    copy: Callable[[], State] = keccak_256().copy  # copying an empty state is faster than making one
    return copy


fresh_state = _fastest()


def keccak256(data: bytes) -> bytes:
    """The hash of these bytes, 32 bytes."""
    state = fresh_state()
    state.update(data)
    return state.digest()
