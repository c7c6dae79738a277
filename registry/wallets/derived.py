"""The accounts of a vault seed, m/44'/60'/n'/0/0 (BIP-32 and BIP-44, from BIP-39's 24 words): one for each controller.

Whoever knows one of them, or all but one, can tell neither the others nor that they belong together.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.core.errors import InvalidInput
from registry.lazy_py_ecc import eth_account
from registry.wallets.keywallet import KeyWallet, address_of
from registry.wallets.mnemonic import words_of

NUMBERS = 2**31
# Nobody signs towards more controllers before losing the map of their accounts.
TRIED = 1_000
_DAY = 86_400
_BEGINNING = 1_767_225_600  # 2026-01-01: no seed is older


def account(seed: bytes, number: int) -> KeyWallet:
    """The account of this number, 0 to 2**31 - 1."""
    return KeyWallet(_key(_root(seed), number))


def find(seed: bytes, address: str, numbers: Iterable[int]) -> int | None:
    """The first of these numbers whose account has this checksummed address."""
    root = _root(seed)
    return next((number for number in numbers if address_of(_key(root, number)) == address), None)


def first_number(now: int) -> int:
    """The first number for new controllers in a home that came back at ``now`` (unix seconds), from words or a backup.

    What was given after its map was last seen is unknown there, and must not be given again: so the numbers go on
    above all that a first home gives, and a day further each day. Those of two losses meet only where more than one
    controller a day was new between them.
    """
    return TRIED + max(0, now - _BEGINNING) // _DAY


def likely_numbers(now: int) -> range:
    """All numbers that the homes of one seed can have given until ``now``, lost ones too."""
    return range(first_number(now) + TRIED)


def _root(seed: bytes) -> bytes:
    root: bytes = eth_account().hdaccount.Mnemonic.to_seed(" ".join(words_of(seed)))
    return root


def _key(root: bytes, number: int) -> bytes:
    if not 0 <= number < NUMBERS:
        raise InvalidInput(f"there is no account {number}", f"Accounts have numbers from 0 to {NUMBERS - 1:,}.")
    key: bytes = eth_account().hdaccount.HDPath(f"m/44'/60'/{number}'/0/0").derive(root)
    return key
