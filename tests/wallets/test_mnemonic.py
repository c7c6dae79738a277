"""24 words and a seed are the same thing in two spellings, and no error tells a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account.hdaccount import HDPath, Mnemonic
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.errors import InvalidInput
from registry.wallets.mnemonic import nearest_word, seed_of, split_words, unknown_words, words_of
from tests.support.base58 import private_key

OFFICIAL = json.loads((Path(__file__).parents[1] / "data" / "bip39" / "vectors.json").read_bytes())["english"]
ALL_ZERO = ("abandon",) * 23 + ("art",)
seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(("entropy", "words"), [v[:2] for v in OFFICIAL if len(v[0]) == 64])
def test_the_official_vectors(entropy: str, words: str) -> None:
    assert words_of(bytes.fromhex(entropy)) == tuple(words.split())
    assert seed_of(split_words(words)) == bytes.fromhex(entropy)


@pytest.mark.parametrize(("words", "seed", "root"), [v[1:] for v in OFFICIAL])
def test_the_library_that_derives_from_them(words: str, seed: str, root: str) -> None:
    assert Mnemonic.to_seed(words, "TREZOR").hex() == seed
    assert HDPath("m").derive(bytes.fromhex(seed)) == private_key(root)


@settings(max_examples=50)
@given(seeds)
def test_there_and_back(seed: bytes) -> None:
    words = words_of(seed)
    assert len(words) == 24 and unknown_words(words) == []
    assert seed_of(words) == seed


@settings(max_examples=50)
@given(seeds, st.integers(0, 23), st.integers(0, 2047))
def test_another_word_is_another_seed_or_none(seed: bytes, place: int, number: int) -> None:
    words = list(words_of(seed))
    words[place] = Mnemonic().wordlist[number]
    try:
        assert (seed_of(words) == seed) == (tuple(words) == words_of(seed))
    except InvalidInput as error:
        assert "checksum" in str(error)
    assert Mnemonic().is_mnemonic_valid(" ".join(words)) == _fits(words)


def _fits(words: list[str]) -> bool:
    try:
        seed_of(words)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("text", ["  ABANDON Abandon\tabandon\n" + " abandon" * 20 + "  art \r\n", " ".join(ALL_ZERO)])
def test_case_and_spaces_do_not_matter(text: str) -> None:
    assert seed_of(split_words(text)) == bytes(32)


@pytest.mark.parametrize("count", [0, 1, 12, 23, 25, 48])
def test_as_many_as_there_are(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"there are {count}"):
        seed_of(("abandon",) * count)


def test_an_unknown_word_is_named_by_its_place_alone() -> None:
    words = ["zebra", *("abandon",) * 5, "abadnon", *("abandon",) * 15, "hunter2", "art"]
    assert unknown_words(words) == [7, 23]
    with pytest.raises(InvalidInput, match="number 7, 23") as caught:
        seed_of(words)
    told = f"{caught.value!r} {caught.value.advice}"
    assert not any(word in told for word in ("zebra", "abandon", "abadnon", "hunter2", "art"))


def test_a_wrong_checksum_tells_no_word() -> None:
    with pytest.raises(InvalidInput, match="checksum") as caught:
        seed_of(("zebra", *("abandon",) * 22, "art"))
    assert "zebra" not in f"{caught.value!r} {caught.value.advice}"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("abandno", "abandon"), ("aban", "abandon"), ("abandoned", "abandon"), ("wrogn", "wrong"), ("zoo", "zoo")],
)
def test_the_nearest_word(typed: str, meant: str) -> None:
    assert nearest_word(typed) == meant


@pytest.mark.parametrize("typed", ["", "x" * 10_000, "é", "1"])
def test_there_is_always_a_nearest_word(typed: str) -> None:
    assert nearest_word(typed) in Mnemonic().wordlist


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_no_words_of_half_a_seed(seed: bytes) -> None:
    with pytest.raises(InvalidInput):
        words_of(seed)
