"""A bundle that two homes continued apart: whatever the brand read, it then shows what the merged vault has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import StorageUnavailable
from registry.core.ipld.cid import digest_of_cid
from registry.core.sealed.bundles import View
from registry.vault.draft import Draft
from registry.vault.shred import selection_of
from tests.support.builders import CONTROLLER, SUBJECT, word
from tests.support.home_models import Home, MortalStore
from tests.support.reachable import reachable
from tests.support.reading_brand import ReadingBrand, Update, update_of

LOCK = word(1)
VIEW = View("pd:Purchase", ("name",), continuing=True)


def purchase(name: str) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"})


def names(home: Home) -> list[str]:
    return sorted(str((one.body or {})["name"]) for one in home.vault.select("category:pd:Purchase"))


class Pair:
    """Two homes with one bundle, and a brand that has it."""

    def __init__(self, folder: Path) -> None:
        self.store = MortalStore()
        self.phone, self.laptop = Home(folder / "phone", self.store), Home(folder / "laptop", self.store)
        self.folder, self.brands = folder, 0
        self.coat, self.hat = self.phone.vault.add([purchase("coat"), purchase("hat")])
        self.first = 1, self.phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], LOCK)
        self.laptop.vault.merge()
        self.phone.vault.merge()

    def edit(self, home: Home, name: str, to: str) -> None:
        home.vault.edit(name, body={"name": to, "orderDate": "2026-01-31"})

    def apart(self, home: Home) -> Update:
        """The update of a home that cannot look at the other one."""
        self.store.names_down = True
        update = update_of(home.vault, LOCK)
        self.store.names_down = False
        return update

    def sync(self) -> list[Update]:
        """Both homes merge and sync; each then has what the other one did."""
        for one in (self.phone, self.laptop, self.phone):
            assert one.vault.merge().unread == {}
        made = [update_of(one.vault, LOCK) for one in (self.phone, self.laptop)]
        self.phone.vault.merge()
        return made

    def brand(self) -> ReadingBrand:
        self.brands += 1
        return ReadingBrand(self.store, self.folder / f"brand {self.brands}")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    for one in (made.phone, made.laptop):
        one.vault.close()


def check(pair: Pair, sent: list[Update]) -> None:
    """Brands that took any of what was sent, in any order, show what the vault has after both homes synced."""
    readers = []
    for some in {order[:count] for order in permutations(sent) for count in range(len(sent) + 1)}:
        brand = pair.brand()
        brand.take(pair.first)
        for update in some:
            brand.take(update)
        readers.append(brand)
    last = pair.sync()
    assert names(pair.phone) == names(pair.laptop)
    for brand in readers:
        brand.may_take(last[0])
        assert brand.take(last[1]) and brand.names() == names(pair.phone)


def test_two_values_with_one_count(pair: Pair) -> None:
    pair.store.names_down = True
    pair.edit(pair.phone, pair.coat, "red coat")
    pair.edit(pair.laptop, pair.coat, "blue coat")
    check(pair, [pair.apart(pair.phone), pair.apart(pair.laptop)])


def test_what_only_one_home_added_and_then_lost(pair: Pair) -> None:
    """The record is gone before the homes meet, so the other home's bundle never had it."""
    pair.store.names_down = True
    (scarf,) = pair.laptop.vault.add([purchase("scarf")])
    sent = [pair.apart(pair.laptop)]
    pair.store.names_down = True
    pair.laptop.vault.remove([scarf])
    for number in range(3):
        pair.phone.vault.add([purchase(f"shirt {number}")])
        sent.append(pair.apart(pair.phone))
        pair.store.names_down = True
    pair.store.names_down = False
    check(pair, sent)


def test_a_record_that_one_home_deleted_and_the_other_one_edited(pair: Pair) -> None:
    for first, second in ((pair.phone, pair.laptop), (pair.laptop, pair.phone)):
        pair.store.names_down = True
        pair.edit(first, pair.hat, "green hat")
        second.vault.remove([pair.coat])
        check(pair, [pair.apart(first), pair.apart(second)])
        pair.phone.vault.restore(pair.coat, 1)
        pair.first = pair.sync()[1]


def test_both_added_edited_and_deleted_for_a_while(pair: Pair) -> None:
    sent = []
    for home in (pair.phone, pair.laptop):
        for step in range(2):
            pair.store.names_down = True
            pair.edit(home, pair.coat, f"coat {step} of {home.id}")
            home.vault.add([purchase(f"shirt {step} of {home.id}")])
            sent.append(pair.apart(home))
        pair.store.names_down = True
        home.vault.remove([pair.hat])
        pair.store.names_down = False
    check(pair, sent)


def test_what_both_wrote_alike_is_not_written_again(pair: Pair) -> None:
    pair.phone.vault.add([purchase("scarf")])
    pair.laptop.vault.merge()
    pair.apart(pair.phone)
    pair.apart(pair.laptop)
    for home in (pair.laptop, pair.phone):
        home.vault.merge()
    before = [one.apart for one in pair.phone.vault.shares.all()]
    pair.sync()
    (bundle,) = pair.phone.vault.shares.all()
    assert [len(one) for one in before] == [1] and bundle.apart == () and bundle.number == 3


def test_a_home_that_is_only_behind_is_not_apart(pair: Pair) -> None:
    for number, home in enumerate((pair.phone, pair.laptop, pair.phone)):
        home.vault.add([purchase(f"shirt {number}")])
        update_of(home.vault, LOCK)
    for home in (pair.laptop, pair.phone):
        home.vault.merge()
        assert [(one.number, one.apart) for one in home.vault.shares.all()] == [(4, ())]


def two_branches(pair: Pair) -> None:
    pair.store.names_down = True
    pair.edit(pair.phone, pair.coat, "red coat")
    pair.edit(pair.laptop, pair.coat, "blue coat")
    pair.laptop.vault.add([purchase("zqxvwkjy")])
    for home in (pair.phone, pair.laptop):
        pair.apart(home)
    for home in (pair.laptop, pair.phone, pair.laptop):
        home.vault.merge()


def test_nothing_of_a_branch_stays(pair: Pair) -> None:
    two_branches(pair)
    pair.sync()
    for one in (pair.laptop, pair.phone, pair.laptop, pair.phone):
        one.vault.merge()
    assert set(pair.store.kept) == reachable(pair.phone.vault, pair.store) | reachable(pair.laptop.vault, pair.store)


def test_what_is_shredded_goes_from_all_branches(pair: Pair) -> None:
    brand = pair.brand()
    brand.take(pair.first)
    two_branches(pair)
    pair.phone.vault.merge()
    (secret,) = (one.id for one in pair.phone.vault.select("zqxvwkjy"))
    pair.phone.vault.shred(selection_of([secret]))
    (bundle,) = pair.phone.vault.shares.all()
    assert bundle.apart == ()
    brand.take((bundle.number, pair.phone.vault.shares.bring_up_to_date(LOCK)))
    for one in (pair.laptop, pair.phone, pair.laptop, pair.phone):
        one.vault.merge()
    assert brand.names() == names(pair.phone) and "zqxvwkjy" not in brand.names()
    assert set(pair.store.kept) == reachable(pair.phone.vault, pair.store) | reachable(pair.laptop.vault, pair.store)


def test_a_branch_that_is_lost_is_named_and_outdone(pair: Pair) -> None:
    brands = [pair.brand(), pair.brand()]
    for brand in brands:
        brand.take(pair.first)
    two_branches(pair)
    (bundle,) = pair.phone.vault.shares.all()
    for brand, head in zip(brands, (bundle.head, bundle.apart[0].head), strict=True):
        brand.take((2, (msgspec.structs.replace(pair.first[1][0], head=head),)))
    del pair.store.kept[digest_of_cid(bundle.apart[0].head)]
    with pytest.raises(StorageUnavailable):
        pair.phone.vault.shares.bring_up_to_date(LOCK)
    health = pair.phone.vault.upkeep.check()
    assert [(one.part, one.of, one.kind) for one in health.faults] == [("bundle", bundle.apart[0].head, "missing")]
    assert pair.phone.vault.upkeep.repair(health).bundles == 1
    assert pair.phone.vault.upkeep.check().is_sound
    update = update_of(pair.phone.vault, LOCK)
    for brand in brands:
        assert brand.take(update) and brand.names() == names(pair.phone)
