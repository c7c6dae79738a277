"""Bech32 against BIP 173's own examples, and one spelling only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.age import bech32
from registry.core.errors import InvalidInput

# BIP 173, "Test vectors": valid ones whose data are whole bytes, as (prefix, text, length in bytes).
VALID = [
    ("A", "A12UEL5L", 0),
    ("an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio",
     "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs", 0),
    ("abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", 20),
    ("split", "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", 30),
]  # fmt: skip
SAMPLE = bech32.encode("age", bytes(range(32)))


@pytest.mark.parametrize(("prefix", "text", "length"), VALID)
def test_bip173_examples_decode_and_encode_back(prefix: str, text: str, length: int) -> None:
    assert bech32.encode(prefix, bech32.decode(prefix, text, length)) == text


@given(st.binary(max_size=1300), st.sampled_from(["age", "age1pq", "AGE-SECRET-KEY-", "AGE-SECRET-KEY-PQ-"]))
def test_round_trip(data: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(prefix, text, len(data)) == data
    assert text == (text.upper() if prefix.isupper() else text.lower())


@pytest.mark.parametrize(
    "text",
    [
        SAMPLE.upper(),
        "A" + SAMPLE[1:],
        SAMPLE[:10] + SAMPLE[10:].upper(),
        SAMPLE + "q",
        SAMPLE[:-1],
        SAMPLE + "\n",
        " " + SAMPLE,
        SAMPLE[:5] + "b" + SAMPLE[6:],
        SAMPLE[:5] + "é" + SAMPLE[6:],
        "age1",
        "age",
        "",
        "ago" + SAMPLE[3:],
        bech32.encode("age", bytes(31)),
        bech32.encode("age", bytes(33)),
        "q" * 5000,
    ],
)
def test_every_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bech32.decode("age", text, 32)
    assert caught.value.advice


@given(st.integers(4, len(SAMPLE) - 1), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_one_wrong_letter_is_found(place: int, letter: str) -> None:
    altered = SAMPLE[:place] + letter + SAMPLE[place + 1 :]
    if altered != SAMPLE:
        with pytest.raises(InvalidInput):
            bech32.decode("age", altered, 32)


def test_padding_bits_must_be_zero() -> None:
    # 32 bytes fill 51 letters and one bit of the next: the same key with another last letter and a right checksum.
    values = bytes("qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(letter) for letter in SAMPLE[4:-6])
    padded = values[:-1] + bytes([values[-1] | 1])
    tail = bech32._polymod(bech32._expanded("age") + padded + bytes(6)) ^ 1
    letters = [*padded, *(tail >> 5 * (5 - i) & 31 for i in range(6))]
    text = "age1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[value] for value in letters)
    with pytest.raises(InvalidInput, match="padding"):
        bech32.decode("age", text, 32)


def test_the_refused_text_is_not_repeated() -> None:
    secret = bech32.encode("AGE-SECRET-KEY-PQ-", bytes(range(32)))
    with pytest.raises(InvalidInput) as caught:
        bech32.decode("AGE-SECRET-KEY-PQ-", secret[:-1] + ("P" if secret[-1] == "Q" else "Q"), 32)
    assert secret[20:40] not in str(caught.value)
