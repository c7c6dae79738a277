"""How two homes' states become one: the same from either side, and what may be erased then."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from registry.core.ipld.cid import cid_of_block
from registry.core.sealed.index import Account, Branch, Bundle, OwnStream, Spent, VaultBook, Writer
from registry.vault.journal import OWN, Waiting
from registry.vault.merging import State, erasable, is_older, merge_books, merge_streams
from tests.support.builders import CONTROLLER, SUBJECT, word
from tests.support.sealed_builders import PURCHASES, identity, view

A, B = "aa" * 8, "bb" * 8


def cid(number: int) -> str:
    return cid_of_block(b"%d" % number)


def stream(home: str, number: int) -> OwnStream:
    return OwnStream(home * 2, PURCHASES, identity("stream"), cid(number), number)


def streams(*some: OwnStream) -> dict[str, OwnStream]:
    return {one.stream: one for one in some}


def bundle(number: int, **changes: Any) -> Bundle:
    members: dict[str, Any] = {
        "name": "01" * 16,
        "subject": SUBJECT,
        "controller": CONTROLLER,
        "view": view(),
        "secret": "5e" * 32,
        "identity": identity("bundle"),
        "number": number,
        "head": cid(number),
        "locks": (word(1),),
        "ended": False,
        "writers": (Writer(A, number),),
    }
    return Bundle(**members | changes)


def test_a_stream_goes_forward_only() -> None:
    new, old = streams(stream(B, 5)), streams(stream(B, 4))
    assert merge_streams(A, new, old.values()) == new == merge_streams(A, old, new.values())


def test_a_home_takes_back_nothing_of_its_own() -> None:
    mine, theirs = State(streams(stream(A, 4)), VaultBook()), State(streams(stream(A, 5)), VaultBook())
    assert merge_streams(A, mine.streams, theirs.streams.values()) == mine.streams
    assert is_older(A, mine, theirs) and not is_older(A, theirs, mine) and not is_older(B, mine, theirs)


def test_a_bundle_is_the_newer_one_with_the_locks_of_both() -> None:
    one = VaultBook(bundles=(bundle(2, locks=(word(1), word(2))),))
    two = VaultBook(bundles=(bundle(3, locks=(word(3), word(1)), ended=True),))
    for merged in (merge_books(one, two).bundles[0], merge_books(two, one).bundles[0]):
        assert (merged.number, merged.ended, set(merged.locks)) == (3, True, {word(1), word(2), word(3)})


def test_heads_that_two_homes_made_apart_are_kept_until_one_takes_account_of_both() -> None:
    first = bundle(1, writers=(Writer(A, 1),))
    mine, other = bundle(2, writers=(Writer(A, 2),)), bundle(3, writers=(Writer(A, 1), Writer(B, 3)))
    third = bundle(4, writers=(Writer(A, 1), Writer("cc" * 8, 4)))
    both = bundle(5, writers=(Writer(A, 5), Writer(B, 3)))

    def merged(*some: Bundle) -> set[tuple[str, frozenset[str]]]:
        found = set()
        for order in permutations(some):
            book = VaultBook(bundles=(order[0],))
            for one in order[1:]:
                book = merge_books(book, VaultBook(bundles=(one,)))
            (made,) = book.bundles
            found.add((made.head, frozenset(branch.head for branch in made.apart)))
        return found

    assert merged(first, mine) == {(mine.head, frozenset())}
    assert merged(first, mine, other) == {(other.head, frozenset({mine.head}))}
    assert merged(mine, other, third) == {(third.head, frozenset({mine.head, other.head}))}
    assert merged(first, mine, other, both) == {(both.head, frozenset())}
    assert merged(mine, other, third, both) == {(both.head, frozenset({third.head}))}


def test_two_heads_of_one_home_that_was_set_back_are_both_kept() -> None:
    one, two = bundle(2), bundle(2, head=cid(9))
    (made,) = merge_books(VaultBook(bundles=(one,)), VaultBook(bundles=(two,))).bundles
    assert {made.head, *(branch.head for branch in made.apart)} == {one.head, two.head}


def test_accounts_and_what_was_spent() -> None:
    one = VaultBook(accounts=(Account(CONTROLLER, 0),), spent=(Spent(word(1), "0.5"),))
    two = VaultBook(
        accounts=(Account(CONTROLLER, 0, SUBJECT), Account(CONTROLLER, 1)),
        spent=(Spent(word(1), "10"), Spent(word(2), "1")),
    )
    for merged in (merge_books(one, two), merge_books(two, one)):
        assert set(merged.accounts) == set(two.accounts) and set(merged.spent) == set(two.spent)
    assert merge_books(two, one) == two


WAITING = Waiting(cid(1), cid(1), A * 2, 5)
OF_BUNDLE = Waiting(cid(1), cid(1), "01" * 16, 5)


@pytest.mark.parametrize(("theirs", "goes"), [([], False), ([stream(A, 4)], False), ([stream(A, 5)], True)])
def test_a_stream_waits_for_every_home(theirs: list[OwnStream], goes: bool) -> None:
    mine, there = State(streams(stream(A, 6)), VaultBook()), State(streams(stream(A, 6)), VaultBook())
    others = [there, State(streams(*theirs), VaultBook())]
    assert erasable({WAITING}, mine, others, lambda _: None) == ({WAITING} if goes else set())


@pytest.mark.parametrize(
    ("theirs", "reached", "goes"),
    [
        ([], set(), False),
        ([bundle(5)], set(), False),
        ([bundle(6)], None, False),
        ([bundle(6)], {cid(1)}, False),
        ([bundle(6)], set(), True),
        ([bundle(6, apart=(Branch(cid(3), 5, (Writer(B, 5),)),))], set(), False),
    ],
)
def test_a_bundle_waits_until_all_have_one_head(theirs: list[Bundle], reached: set[str] | None, goes: bool) -> None:
    mine = State({}, VaultBook(bundles=(bundle(6),)))
    found = erasable({OF_BUNDLE}, mine, [mine, State({}, VaultBook(bundles=tuple(theirs)))], lambda _: reached)
    assert found == ({OF_BUNDLE} if goes else set())


def test_older_indexes_wait_for_nobody() -> None:
    old = Waiting(cid(1), cid(1), OWN, 0)
    assert erasable({old}, State({}, VaultBook()), [State({}, VaultBook())], lambda _: None) == {old}
