"""Derives a vault seed's accounts, one for each controller: m/44'/60'/n'/0/0 (BIP-32, BIP-44, BIP-39's 24 words).

The number n is derived from the seed and the controller's address, so every device finds the same account.
The derivation is hardened. Knowing some of these accounts neither reveals the others nor links them.
"""

from __future__ import annotations

from collections.abc import Iterator

from registry.core.crypto.seeds import account_number
from registry.core.errors import InvalidInput
from registry.lazy_py_ecc import eth_account
from registry.wallets.keywallet import KeyWallet
from registry.wallets.mnemonic import words_of

NUMBERS = 2**31
# Nobody retires more accounts for one controller. A stranger's file costs as many derivations, of a millisecond each.
GENERATIONS = 100


def account(seed: bytes, number: int) -> KeyWallet:
    """Return the account with this number, 0 to 2**31 - 1."""
    return _account(_root(seed), number)


def account_for(seed: bytes, controller: str, generation: int = 0) -> KeyWallet:
    """Return the account for this controller (an address); after each retirement the next ``generation`` is used."""
    return account(seed, account_number(seed, controller, generation))


def accounts_for(seed: bytes, controller: str) -> Iterator[KeyWallet]:
    """Yield the accounts for this controller, by generation from 0, each made when it is needed."""
    root = _root(seed)
    return (_account(root, account_number(seed, controller, generation)) for generation in range(GENERATIONS))


def generation_of(seed: bytes, controller: str, address: str) -> int | None:
    """Return which account for this controller has this checksummed address; None if none has."""
    wallets = enumerate(accounts_for(seed, controller))
    return next((generation for generation, wallet in wallets if wallet.address == address), None)


def _root(seed: bytes) -> bytes:
    return bytes(eth_account().hdaccount.Mnemonic.to_seed(" ".join(words_of(seed))))


def _account(root: bytes, number: int) -> KeyWallet:
    if not 0 <= number < NUMBERS:
        raise InvalidInput(f"there is no account {number}", f"Accounts have numbers from 0 to {NUMBERS - 1:,}.")
    return KeyWallet(bytes(eth_account().hdaccount.HDPath(f"m/44'/60'/{number}'/0/0").derive(root)))
