"""Shares of a seed: any that are enough restore it, fewer and wrong ones are refused without a word of them."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import Share as RawShare
from shamir_mnemonic import generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from registry.core.errors import InvalidInput
from registry.wallets.shares import WORDS, check_set, join_seed, nearest_word, parse_share, split_seed
from tests.support.builders import SEED

# Made once by `split_seed` from the seed 00 01 .. 1f: shares that were handed out join for ever.
KEPT = (
    "knife fawn academic acid argue paid smell program lecture space large system auction always juice orange pancake "
    "shrimp prospect emission holiday mixed counter object talent marathon emerald spark pharmacy fiscal treat genre "
    "invasion",
    "knife fawn academic agency ajar much pulse anxiety quick buyer shaft emission mother mobile force fiber blanket "
    "venture drink aide exact marathon exceed birthday pitch early grocery suitable fawn makeup chemical true benefit",
    "knife fawn academic always argue evidence depict tolerate thorn express ancient license obesity year document "
    "apart similar yield pulse scene daughter process texture unusual leader prepare acne satoshi elegant union patent "
    "soul priest",
)


def joined(texts: list[str]) -> bytes:
    return join_seed([parse_share(text) for text in texts])


def changed(text: str, **members: Any) -> str:
    """The same share with another member, and a checksum that fits."""
    return dataclasses.replace(RawShare.from_mnemonic(text), **members).mnemonic()


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (2, 0)])
def test_shares_of_before_join(pair: tuple[int, int]) -> None:
    assert joined([KEPT[place] for place in pair]) == bytes(range(32))


@settings(max_examples=25, deadline=None)
@given(st.data(), st.binary(min_size=32, max_size=32), st.integers(2, 16))
def test_any_that_are_enough_restore_it(data: st.DataObject, seed: bytes, count: int) -> None:
    needed = data.draw(st.integers(2, count))
    made = split_seed(seed, count, needed)
    assert [len(words.split()) for words in made] == [WORDS] * count
    given_back = data.draw(st.permutations(made))[: data.draw(st.integers(needed, count))]
    assert joined([data.draw(st.sampled_from([str.upper, str.title, str]))(text) for text in given_back]) == seed
    with pytest.raises(InvalidInput, match=f"{needed} shares are needed, and there are {needed - 1}"):
        joined(given_back[: needed - 1])


def test_none_is_too_few() -> None:
    with pytest.raises(InvalidInput, match="there are 0"):
        join_seed([])


@pytest.mark.parametrize(("shares", "needed"), [(3, 1), (2, 3), (17, 2), (1, 1), (0, 0)])
def test_splits_that_protect_nothing_or_restore_nothing(shares: int, needed: int) -> None:
    with pytest.raises(InvalidInput, match="cannot have"):
        split_seed(SEED, shares, needed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: [], "there are 0"),
        (lambda words: words[:-1], "there are 32"),
        (lambda words: [*words, "acid"], "there are 34"),
        (lambda words: ["hunter2", *words[1:-1], "café"], "number 1, 33"),
        (lambda words: [words[1], words[0], *words[2:]], "checksum"),
        (lambda words: [*words[:9], "acid" if words[9] != "acid" else "acne", *words[10:]], "checksum"),
    ],
)
def test_what_is_no_share(change: Callable[[list[str]], list[str]], said: str) -> None:
    words = change(KEPT[0].split())
    with pytest.raises(InvalidInput, match=said) as caught:
        parse_share(" ".join(words))
    shown = f"{caught.value} {caught.value.advice}".split()
    assert not {word for word in words if word not in ("large", "object", "system", "always")} & set(shown)


def test_every_wrong_word_is_noticed() -> None:
    words = KEPT[0].split()
    for place in range(WORDS):
        other = WORDLIST[(WORDLIST.index(words[place]) + 1) % 1024]
        with pytest.raises(InvalidInput, match="checksum"):
            parse_share(" ".join([*words[:place], other, *words[place + 1 :]]))


def test_shares_of_two_splits_are_not_mixed() -> None:
    other = split_seed(bytes(range(32)), 3, 2)
    with pytest.raises(InvalidInput, match="share 2 is of another split than share 1"):
        joined([KEPT[0], other[1]])


def test_one_share_counts_once() -> None:
    with pytest.raises(InvalidInput, match="share 2 was given before"):
        joined([KEPT[0], KEPT[0].upper()])
    with pytest.raises(InvalidInput, match="share 3 was given before"):
        check_set([parse_share(text) for text in (KEPT[0], KEPT[1], changed(KEPT[1], value=bytes(32)))])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_forged_share_restores_nothing(place: int) -> None:
    """Its checksum fits, and also where there are enough genuine ones the forged one is noticed."""
    forged = [changed(text, value=bytes(32)) if place == at else text for at, text in enumerate(KEPT)]
    for shares in (forged, [forged[place], forged[place - 1]]):
        with pytest.raises(InvalidInput, match="digest"):
            joined(shares)


def test_a_share_does_not_say_how_long_joining_takes() -> None:
    slow = changed(KEPT[0], iteration_exponent=15)
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="not supported"):
        parse_share(slow)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("members", [{"group_count": 2}, {"member_threshold": 1}])
def test_other_programs_ways_are_refused(members: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="another program"):
        parse_share(changed(KEPT[0], **members))


def test_a_share_of_a_shorter_secret() -> None:
    with pytest.raises(InvalidInput, match="there are 20"):
        parse_share(generate_mnemonics(1, [(2, 3)], bytes(16))[0][0])


def test_nothing_shows_the_words() -> None:
    assert repr(parse_share(KEPT[2])) == "Share(3, 2 are needed)"


def test_a_mistyped_word_leads_to_the_right_one() -> None:
    assert {nearest_word(word[:4] + "qq") for word in WORDLIST} == set(WORDLIST)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shamir_mnemonic", None)
    with pytest.raises(InvalidInput, match="not installed") as caught:
        split_seed(SEED, 3, 2)
    assert "consent-registry[vault]" in caught.value.advice
