"""Keccak-256 as Ethereum uses it: from safe-pysha3 if it is installed, else from pycryptodome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class _State(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...


def _portable() -> Callable[[], _State]:
    from Crypto.Hash import keccak

    return lambda: keccak.new(digest_bits=256)


def _fastest() -> Callable[[], _State]:
    try:
        from sha3 import keccak_256
    except ImportError:
        return _portable()
    copy: Callable[[], _State] = keccak_256().copy  # copying an empty state is faster than making one
    return copy


fresh_state = _fastest()


def keccak256(data: bytes) -> bytes:
    """The hash of these bytes, 32 bytes."""
    state = fresh_state()
    state.update(data)
    return state.digest()
