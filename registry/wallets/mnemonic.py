"""Turns a vault seed into 24 words and back: BIP-39, the English list, without BIP-39's own passphrase.

The words encode the seed and are as secret, so no error message here contains one.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from hashlib import sha256

from registry.core.errors import InvalidInput
from registry.lazy_py_ecc import eth_account
from registry.wallets.keystore import SECRET_BYTES

WORDS = 24
_MAX_LETTERS = 16  # twice the longest word of the list; a longer word resembles none


def words_of(seed: bytes) -> tuple[str, ...]:
    """Return the 24 words of these 32 bytes."""
    if len(seed) != SECRET_BYTES:
        raise InvalidInput(f"a seed has {SECRET_BYTES} bytes", f"Pass exactly {SECRET_BYTES} bytes.")
    return tuple(eth_account().hdaccount.Mnemonic().to_mnemonic(seed).split(" "))


def split_words(text: str) -> tuple[str, ...]:
    """Split a typed text into words, in any case and with any white space between."""
    return tuple(text.lower().split())


def unknown_words(words: Sequence[str]) -> list[int]:
    """Return the positions, from 1, of the words that are not in the list."""
    known = set(_list())
    return [position for position, word in enumerate(words, 1) if word not in known]


def nearest_word(word: str) -> str:
    """Return the word of the list that was probably meant."""
    return nearest_in(_list(), word)


def nearest_in(words: Sequence[str], word: str) -> str:
    """Return the nearest of these words, each of which its first four letters identify."""
    beginning = [known for known in words if known.startswith(word[:4])]
    return difflib.get_close_matches(word[:_MAX_LETTERS], beginning if word and beginning else words, 1, 0.0)[0]


def seed_of(words: Sequence[str]) -> bytes:
    """Return the 32 bytes of 24 words from `split_words`; ``InvalidInput`` if they are not a seed's."""
    if len(words) != WORDS:
        raise InvalidInput(f"{WORDS} words restore a seed, and there are {len(words)}", "Give all of them, in order.")
    if wrong := unknown_words(words):
        numbers = ", ".join(map(str, wrong))
        raise InvalidInput(f"not in the list of words: number {numbers}", "Check its spelling, and try again.")
    positions = {word: position for position, word in enumerate(_list())}
    bits = "".join(f"{positions[word]:011b}" for word in words)
    seed, check = int(bits[:-8], 2).to_bytes(SECRET_BYTES, "big"), int(bits[-8:], 2)
    if sha256(seed).digest()[0] != check:
        advice = "One word is wrong, or two are swapped; compare them with what you wrote down."
        raise InvalidInput("the words do not fit together (their checksum is wrong)", advice)
    return seed


def _list() -> list[str]:
    return list(eth_account().hdaccount.Mnemonic().wordlist)
