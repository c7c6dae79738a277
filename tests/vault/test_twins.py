"""One file that two devices imported apart: its records stand twice, are named, and go where the person says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.vault.draft import Draft
from registry.vault.importers.report import State
from registry.vault.shred import selection_of
from registry.vault.twins import Twins
from tests.support.home_models import Home, MortalStore


def fact(number: int, name: str = "", identity: bytes | None = None, key: int = 0) -> Draft:
    body = {"name": name or f"thing {number}", "orderDate": "2026-01-31"}
    raw = (key or number + 1).to_bytes(16)
    return Draft("pd:Purchase", "purchase/1", body=body, key=raw + bytes(16), identity=identity)


class Pair(NamedTuple):
    phone: Home
    laptop: Home

    def merge(self) -> None:
        for one in (self.phone, self.laptop, self.phone, self.laptop):
            assert one.vault.merge().unread == {}

    def both(self, *drafts: Draft) -> None:
        """Both devices import the same file, apart."""
        self.phone.store.names_down = True
        for one in self:
            one.vault.take(iter(drafts))
        self.phone.store.names_down = False
        self.merge()

    def ids(self, name: str) -> list[str]:
        return sorted(one.id for one in self.phone.vault.select(f'"{name}"'))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    store = MortalStore()
    made = Pair(Home(tmp_path / "phone", store), Home(tmp_path / "laptop", store))
    yield made
    for one in made:
        one.vault.close()


def test_equal_records_are_named_and_removed_but_for_the_first(pair: Pair) -> None:
    pair.both(fact(1), fact(2))
    first, second = pair.ids("thing 1"), pair.ids("thing 2")
    assert len(first) == len(second) == 2
    for one in pair:
        assert sorted(one.vault.upkeep.twins()) == sorted(
            [Twins(first[0], (first[1],), ()), Twins(second[0], (second[1],), ())]
        )
    assert sorted(pair.laptop.vault.upkeep.remove_twins()) == sorted([first[1], second[1]])
    pair.merge()
    for one in pair:
        assert [each.id for each in one.vault.select("")] == sorted([first[0], second[0]], reverse=True)
        assert one.vault.upkeep.twins() == [] and one.vault.upkeep.remove_twins() == []


def test_the_next_export_adds_nothing_and_changes_what_is_left(pair: Pair) -> None:
    """The key of a thing leads to the record that is left, and not to the one that was removed."""
    pair.both(fact(1, identity=b"u" * 32))
    pair.phone.vault.upkeep.remove_twins()
    pair.merge()
    for one in pair:
        assert one.vault.take(iter([fact(1, identity=b"u" * 32)])).states == {State.KNOWN: 1}
        for _ in range(2):
            new = fact(1, name=f"of {one.id}", identity=b"u" * 32, key=int(one.id[:4], 16) + 10)
            assert one.vault.preview(iter([new])).states == {State.EDITED: 1}
            one.vault.close()
            (one.folder / "copy.db").unlink()
        one.vault.take(iter([new]))
        assert [each.body["name"] for each in one.vault.select("") if each.body] == [f"of {one.id}"]
        pair.merge()


def test_the_one_that_was_edited_stays(pair: Pair) -> None:
    pair.both(fact(1))
    first, second = pair.ids("thing 1")
    pair.phone.vault.edit(second, tags=("gift",))
    assert pair.phone.vault.upkeep.twins() == [Twins(second, (first,), ())]
    assert pair.phone.vault.upkeep.remove_twins() == [first]
    assert [one.tags for one in pair.phone.vault.select("")] == [("gift",)]


def test_two_that_were_edited_apart_are_left_to_the_person(pair: Pair) -> None:
    pair.both(fact(1))
    first, second = pair.ids("thing 1")
    pair.phone.vault.edit(first, tags=("gift",))
    pair.phone.vault.edit(second, tags=("work",))
    assert pair.phone.vault.upkeep.twins() == [Twins(first, (), (second,))]
    assert pair.phone.vault.upkeep.remove_twins() == [] and pair.phone.vault.stats().records == 2


def test_what_is_withheld_or_shredded_is_no_twin(pair: Pair) -> None:
    pair.both(fact(1), fact(2))
    pair.phone.vault.erasure.withdraw(selection_of(pair.ids("thing 1")[:1]), "2099-01-01", "a court asked")
    pair.phone.vault.shred(selection_of(pair.ids("thing 2")[:1]))
    assert pair.phone.vault.upkeep.twins() == [] and pair.phone.vault.upkeep.remove_twins() == []


def test_two_equal_lines_of_one_file_are_no_twins(pair: Pair) -> None:
    pair.phone.vault.take(iter([fact(1), fact(1, key=9)]))
    assert pair.phone.vault.upkeep.twins() == [] and pair.phone.vault.stats().records == 2


def test_a_vault_without_records_has_no_twins(pair: Pair) -> None:
    assert pair.phone.vault.upkeep.twins() == pair.phone.vault.upkeep.remove_twins() == []
    assert not pair.phone.folder.exists()
