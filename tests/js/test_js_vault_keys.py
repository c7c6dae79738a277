"""From 24 words, JavaScript and Python come to the same keys, accounts and signatures; small rules are the same."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import media_types
from registry.core.age.recipients import recipient_of
from registry.core.crypto import seeds as py
from registry.core.errors import InvalidInput, Malformed
from registry.core.instants import microseconds
from registry.core.scalars import to_hex
from registry.core.sealed.documents import public_key_of
from registry.wallets.derived import GENERATIONS, account_for, accounts_for
from registry.wallets.mnemonic import seed_of, split_words, words_of
from tests.support.builders import CONTROLLER, SUBJECT
from tests.support.vault_answers import asked, outcome

seeds = st.binary(min_size=32, max_size=32)
DIGEST = "0x" + "5a" * 32


@settings(max_examples=5)
@given(seeds)
def test_js_words_lead_to_all_that_they_lead_to_here(seed: bytes) -> None:
    both, words = (SUBJECT, CONTROLLER), " ".join(words_of(seed))
    wallet = account_for(seed, CONTROLLER, 3)
    found = asked("owner", f"  {words.upper()}\n", SUBJECT, CONTROLLER, DIGEST)
    signature = Account.unsafe_sign_hash(bytes.fromhex(DIGEST[2:]), wallet._key).signature
    assert found == {
        "identity": py.owner_identity(seed),
        "recipient": recipient_of(py.owner_identity(seed)),
        "vaultKey": public_key_of(py.vault_key(seed)),
        "homes": py.homes_name(seed),
        "fingerprint": py.fingerprint(seed),
        "relationshipKey": public_key_of(py.relationship_key(seed, *both)),
        "mailbox": recipient_of(py.mailbox_identity(seed, *both)),
        "address": wallet.address,
        "generation": 3,
        "stranger": None,
        "signature": to_hex(bytes(signature)),
    }


@settings(max_examples=30)
@given(seeds)
def test_js_words_of_a_seed(seed: bytes) -> None:
    words = " ".join(words_of(seed))
    assert asked("words", to_hex(seed)) == words
    assert asked("seed", words) == to_hex(seed)


@given(seeds, st.integers(0, 23), st.integers(0, 2047), st.sampled_from(["swap", "replace", "drop", "add"]))
def test_js_words_that_are_no_seed(seed: bytes, place: int, other: int, change: str) -> None:
    words = list(words_of(seed))
    if change == "swap":
        words[place], words[other % 24] = words[other % 24], words[place]
    elif change == "replace":
        words[place] = words_of(other.to_bytes(32, "big"))[-2]
    elif change == "drop":
        del words[place]
    else:
        words.insert(place, "zoo")
    text = " ".join(words)
    assert asked("seed", text) == outcome(lambda: to_hex(seed_of(split_words(text))))


def test_js_no_message_holds_a_word() -> None:
    from tests.support.nodejs import js_vault

    words = "abandon " * 23
    for text in (words + "zebra", words + "zebr", words):
        answer = js_vault().answer("seed", text)
        assert answer["error"] == "InvalidInput" and answer["advice"]
        assert "zebr" not in answer["message"] + answer["advice"] and "abandon" not in answer["message"]


@settings(max_examples=10)
@given(seeds, st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1))
def test_js_account_of_any_name_and_generation(seed: bytes, name: bytes, generation: int) -> None:
    wallet = account_for(seed, to_hex(name), generation)
    found = asked("account", to_hex(seed), to_hex(name), generation)
    assert found == {"number": py.account_number(seed, to_hex(name), generation), "address": wallet.address}


@pytest.mark.parametrize("generation", [-1, 2**32, 0.5])
def test_js_no_such_generation(generation: float) -> None:
    assert asked("account", to_hex(bytes(32)), CONTROLLER, generation) == "InvalidInput"


def test_js_as_many_generations_are_searched() -> None:
    assert len(list(islice(accounts_for(bytes(32), CONTROLLER), 200))) == GENERATIONS == 100


def test_js_media_types_are_the_same() -> None:
    names = [f"a.b{one.upper()}" for one in media_types._TYPES] + ["orders.csv.gz", "none", "a.", ".png", "constructor"]
    types = [*media_types._TYPES.values(), "text/xml", "TEXT/HTML; charset=utf-8", "x/y", "", "constructor"]
    found = asked("mediaTypes", names, types)
    assert found == [
        [media_types.media_type_of(one) for one in names],
        [media_types.extension_of(one) for one in types],
    ]


_spelled = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,7})?(Z|z|[+-][0-2][0-9]:[0-6][0-9])?)?\n?",
    fullmatch=True,
)
_whole = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)


@settings(max_examples=150)
@given(_spelled | _whole | st.dates().map(str))
def test_js_times_are_the_same(text: str) -> None:
    assert asked("microseconds", text) == outcome(lambda: str(microseconds(text)))


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=20))
def test_js_sorts_by_utf_8(texts: list[str]) -> None:
    assert asked("sorted", texts) == sorted(texts)


def test_python_refuses_what_is_compared_here() -> None:
    """The comparisons above are with real refusals."""
    with pytest.raises(InvalidInput):
        seed_of(("zoo",) * 24)
    with pytest.raises(Malformed):
        microseconds("2026-02-30")
