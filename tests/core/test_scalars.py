"""Hex words, addresses and terms have one spelling each."""

from __future__ import annotations

import re

import pytest
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from registry.core import scalars
from registry.core.crypto import keccak
from registry.core.errors import Malformed
from registry.core.scalars import (
    MAX_CACHED,
    check_address,
    check_term,
    check_terms,
    checksum,
    is_term,
    read_hex,
    read_scope,
    read_words,
    to_hex,
    unhex,
)
from tests.support import strategies

# The places at which a text is cut into words: at commas, or nowhere.
CUTS = st.sampled_from([",", ";"])
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@given(st.binary(max_size=80))
def test_hex_there_and_back(data: bytes) -> None:
    assert unhex(to_hex(data)) == data
    assert to_hex(data) == to_hex(data).lower()


@given(st.binary(min_size=20, max_size=20))
def test_the_checksum_is_that_of_eth_utils(address: bytes) -> None:
    assert checksum(address) == to_checksum_address(address)
    assert check_address(checksum(address)) == checksum(address)


@pytest.mark.parametrize(
    "spelling",
    [
        ADDRESS.lower(),
        "0x" + ADDRESS[2:].upper(),
        ADDRESS[2:],
        ADDRESS[:-1],
        ADDRESS + "0",
        ADDRESS + "\n",
        "0X" + ADDRESS[2:],
        " " + ADDRESS,
        ADDRESS.swapcase(),
        "",
        "0x",
    ],
)
def test_every_other_spelling_of_an_address_is_malformed(spelling: str) -> None:
    with pytest.raises(Malformed, match="EIP-55"):
        check_address(spelling)


@given(strategies.terms)
def test_terms_are_terms(term: str) -> None:
    assert is_term(term)
    assert check_term(term, "terms") == term


@pytest.mark.parametrize(
    "value",
    [
        "",
        "dpv",
        "dpv:",
        ":Marketing",
        "DPV:Marketing",
        "dpv:Marketing ",
        "dpv:Märketing",
        "dpv:a b",
        "dpv:a\n",
        "1dpv:a",
        "http://example.org/a",
        "https://",
        "https://exa mple.org",
        'https://e.example/"',
        "https://e.example/<a>",
        "https://é.example",
        "dpv:{controller}",
        "https://e.example/\\a",
        "https://e.example/^",
    ],
)
def test_what_is_no_term(value: str) -> None:
    assert not is_term(value)
    with pytest.raises(Malformed, match="purposes"):
        check_term(value, "purposes")
    with pytest.raises(Malformed, match="purposes"):
        check_terms((value,), "purposes")


@given(st.lists(strategies.terms, max_size=6))
def test_lists_are_sorted_by_their_bytes_without_repeats(terms: list[str]) -> None:
    tidy = tuple(sorted(set(terms), key=str.encode))
    if tuple(terms) == tidy and terms:
        assert check_terms(tidy, "data") == tidy
    else:
        with pytest.raises(Malformed, match="data"):
            check_terms(tuple(terms), "data")


def test_capitals_come_before_small_letters() -> None:
    assert check_terms(("dpv:B", "dpv:a", "https://a.example/"), "data")
    with pytest.raises(Malformed, match="sorted"):
        check_terms(("dpv:a", "dpv:B"), "data")


@pytest.mark.parametrize(("length", "kept"), [(MAX_CACHED - 6, 1), (MAX_CACHED - 5, 0)])
def test_a_scope_is_kept_where_it_is_small(length: int, kept: int) -> None:
    scope = ("a:b",), ("c:".ljust(length, "d"),), "e:f"
    scalars._cached_scope.cache_clear()
    assert read_scope(scope) == read_scope(scope) == scalars._read_scope(scope)
    assert scalars._cached_scope.cache_info().currsize == kept


def test_the_third_of_a_scope_is_a_term() -> None:
    for scope, says in (
        ((("a:b",), ("c:d",), "e"), "terms"),
        (((), ("c:d",), "e:f"), "purposes"),
        ((("a:b",), ()), "data"),
    ):
        with pytest.raises(Malformed, match=says):
            read_scope(scope)


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    for check in (lambda text: check_address(text), lambda text: check_term(text, "terms")):
        with pytest.raises(Malformed) as caught:
            check("?" * 100_000)
        assert len(str(caught.value)) < 200


def test_keccak_is_ethereums_and_not_sha3() -> None:
    assert keccak.keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(max_size=1000))
def test_the_keccak_backends_agree(data: bytes) -> None:
    states = [keccak._portable()(), keccak._fastest()()]
    for state in states:
        state.update(data)
    assert {state.digest() for state in states} == {keccak.keccak256(data)}


@given(st.lists(strategies.words, max_size=18).map(tuple))
def test_words_are_read_together_as_they_would_be_alone(words: tuple[str, ...]) -> None:
    assert read_words(words) == tuple(map(unhex, words))


@given(st.lists(strategies.words, min_size=1, max_size=4), st.data())
def test_a_word_of_any_other_spelling_is_malformed(words: list[str], data: st.DataObject) -> None:
    """Words cut anywhere, joined, padded or in capitals; the oracle is a pattern for each word."""
    whole = ",".join(words)
    place = data.draw(st.integers(0, len(whole) - 1))
    text = data.draw(
        st.sampled_from(["", "x", "0x", ",", ",0x", " ", "0", "A", "g", "\n", "\ud800", whole[place].upper()])
    )
    changed = tuple((whole[:place] + text + whole[place + data.draw(st.integers(0, 3)) :]).split(data.draw(CUTS)))
    if all(re.fullmatch("0x[0-9a-f]{64}", word) for word in changed):
        assert read_words(changed) == tuple(map(unhex, changed))
    else:
        with pytest.raises(Malformed, match="32 bytes"):
            read_words(changed)


@pytest.mark.parametrize(
    "words",
    [
        ("",),
        ("0x" + "00" * 32 + ",0x" + "00" * 32, "0x"),
        ("0x" + "00" * 33, "0x" + "00" * 31),
        ("0x" + "0" * 65, "x" + "0" * 64),
        ("0x" + "00" * 32, "00" * 33),
        ("0x" + "00" * 64,),
        ("0x" + "00" * 31 + "0 0",),
    ],
)
def test_words_that_only_together_have_the_right_length(words: tuple[str, ...]) -> None:
    with pytest.raises(Malformed, match="32 bytes"):
        read_words(words)


@given(st.binary(max_size=80))
def test_hex_is_read_in_its_one_spelling(data: bytes) -> None:
    assert read_hex(to_hex(data), "signature") == data


@pytest.mark.parametrize("text", ["", "0", "0x0", "0X00", "00", "0xAA", "0x 00", "0x00\n", "0xzz", "0x\ud800"])
def test_every_other_spelling_of_hex_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="signature"):
        read_hex(text, "signature")


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 9, "0"),
        (1, 9, "0.000000001"),
        (5_000_000, 9, "0.005"),
        (1_500_000_000, 9, "1.5"),
        (10**12, 9, "1,000"),
        (1, 18, "0.000000000000000001"),
        (1234 * 10**18 + 10**17, 18, "1,234.1"),
    ],
)
def test_amounts_are_shown_to_the_last_digit(amount: int, decimals: int, text: str) -> None:
    """A fee of some wei was once shown as 0.00 gwei (item 23)."""
    assert scalars.format_units(amount, decimals) == text
