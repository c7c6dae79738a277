"""Derives a vault seed's accounts, one for each controller: m/44'/60'/n'/0/0 (BIP-32, BIP-44, BIP-39's 24 words).

The derivation is hardened. Knowing some of these accounts neither reveals the others nor links them.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.core.errors import InvalidInput
from registry.lazy_py_ecc import eth_account
from registry.wallets.keywallet import KeyWallet, address_of
from registry.wallets.mnemonic import words_of

NUMBERS = 2**31
# No home has more controllers than this before its map of accounts is lost.
TRIED = 1_000
_DAY = 86_400
_FIRST_DAY = 1_767_225_600  # 2026-01-01: no seed is older


def account(seed: bytes, number: int) -> KeyWallet:
    """Return the account with this number, 0 to 2**31 - 1."""
    return KeyWallet(_key(_root(seed), number))


def find(seed: bytes, address: str, numbers: Iterable[int]) -> int | None:
    """Return the first of these numbers whose account has this checksummed address; None if there is none."""
    root = _root(seed)
    return next((number for number in numbers if address_of(_key(root, number)) == address), None)


def first_number(now: int) -> int:
    """Return the first number for new controllers in a home that was restored at ``now`` (unix seconds).

    The restored home does not know the numbers given after its backup, and must not give them again. So its numbers
    start above all that a first home gives, and one higher for each day that passes. The numbers of two restored homes
    overlap only if more than one new controller a day came between them.
    """
    return TRIED + max(0, now - _FIRST_DAY) // _DAY


def likely_numbers(now: int) -> range:
    """Return all numbers that the homes of one seed can have given until ``now``, lost homes included."""
    return range(first_number(now) + TRIED)


def _root(seed: bytes) -> bytes:
    return bytes(eth_account().hdaccount.Mnemonic.to_seed(" ".join(words_of(seed))))


def _key(root: bytes, number: int) -> bytes:
    if not 0 <= number < NUMBERS:
        raise InvalidInput(f"there is no account {number}", f"Accounts have numbers from 0 to {NUMBERS - 1:,}.")
    return bytes(eth_account().hdaccount.HDPath(f"m/44'/60'/{number}'/0/0").derive(root))
