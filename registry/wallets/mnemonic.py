"""The 24 words of a vault seed: BIP-39, the English list, without a passphrase of their own.

They are the seed in another spelling, and as secret: no error here holds one of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from hashlib import sha256

from registry.core.errors import InvalidInput
from registry.lazy_py_ecc import eth_account
from registry.wallets.keystore import SECRET_BYTES

WORDS = 24
_BITS = 11  # of each word
_LONGEST = 16  # twice the longest word of the list: what is longer resembles none


def words_of(seed: bytes) -> tuple[str, ...]:
    """The 24 words of these 32 bytes."""
    if len(seed) != SECRET_BYTES:
        raise InvalidInput(f"a seed has {SECRET_BYTES} bytes", "Take the words of a whole one.")
    return tuple(eth_account().hdaccount.Mnemonic().to_mnemonic(seed).split(" "))


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text as somebody typed it, in any case, with any white space between."""
    return tuple(text.lower().split())


def unknown_words(words: Sequence[str]) -> list[int]:
    """The places, from 1, of words that are not in the list."""
    known = set(_list())
    return [place for place, word in enumerate(words, 1) if word not in known]


def nearest_word(word: str) -> str:
    """The word of the list that was probably meant: the first four letters tell all of them apart."""
    beginning = [known for known in _list() if known.startswith(word[:4])]
    return difflib.get_close_matches(word[:_LONGEST], beginning if word and beginning else _list(), 1, 0.0)[0]


def seed_of(words: Sequence[str]) -> bytes:
    """The 32 bytes of 24 words as `split_words` gives them; ``InvalidInput`` where they are no seed's."""
    if len(words) != WORDS:
        raise InvalidInput(f"{WORDS} words restore a seed, and there are {len(words)}", "Give all of them, in order.")
    if wrong := unknown_words(words):
        places = ", ".join(map(str, wrong))
        raise InvalidInput(f"not in the list of words: number {places}", "Look at how it is written, and try again.")
    places_in_list = {word: place for place, word in enumerate(_list())}
    number = 0
    for word in words:
        number = number << _BITS | places_in_list[word]
    seed, check = (number >> 8).to_bytes(SECRET_BYTES, "big"), number & 0xFF
    if sha256(seed).digest()[0] != check:
        advice = "One of them is another word, or two have changed places; compare them with what you wrote down."
        raise InvalidInput("the words do not fit together (their checksum is wrong)", advice)
    return seed


def _list() -> list[str]:
    words: list[str] = eth_account().hdaccount.Mnemonic().wordlist
    return words
