"""Keccak-256 as Ethereum uses it: from safe-pysha3 where that is installed, else from pycryptodome."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["keccak256"]


def _portable() -> Callable[[bytes], bytes]:
    from Crypto.Hash import keccak

    return lambda data: keccak.new(digest_bits=256, data=data).digest()


def _fastest() -> Callable[[bytes], bytes]:
    try:
        from sha3 import keccak_256
    except ImportError:
        return _portable()
    return lambda data: keccak_256(data).digest()


keccak256: Callable[[bytes], bytes] = _fastest()
