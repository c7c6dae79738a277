"""Homes that repair: what another home wrote is left to it, and nothing that it names is erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.ipld.cid import digest_of_cid
from registry.vault.draft import Draft
from registry.vault.streams import Streams
from tests.support.home_models import Home, Killed, MortalStore


@pytest.fixture
def store() -> MortalStore:
    return MortalStore()


@pytest.fixture
def homes(tmp_path: Path, store: MortalStore) -> Iterator[tuple[Home, Home]]:
    """A phone and a laptop. The phone has a coat; the laptop knows of it and has a hat."""
    phone, laptop = (Home(tmp_path / name, store) for name in ("phone", "laptop"))
    add(phone, "coat")
    add(laptop, "hat")
    phone.vault.merge()
    yield phone, laptop
    for one in (phone, laptop):
        one.vault.close()


def add(home: Home, name: str) -> None:
    home.vault.add([Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"})])


def names(home: Home) -> list[str]:
    return sorted(str((record.body or {})["name"]) for record in home.vault.select(""))


def lose(store: MortalStore, home: Home, writer: Home) -> bytes:
    """Take from the store the newest segment that one home names of another one, and return its digest."""
    folder = home.vault._folder
    index = folder.index()
    assert index is not None
    stream = next(one for one in index.streams if one.stream.startswith(writer.id))
    segment = Streams(folder._key, store.get, store.put).segments(stream)[0]
    del store.kept[digest_of_cid(segment.cid)]
    return digest_of_cid(segment.cid)


@pytest.mark.parametrize("can_look", [True, False])
def test_a_stream_of_another_home_is_repaired_there(
    homes: tuple[Home, Home], store: MortalStore, can_look: bool
) -> None:
    phone, laptop = homes
    lose(store, laptop, phone)
    store.names_down = not can_look
    done = laptop.vault.upkeep.repair(laptop.vault.upkeep.check())
    store.names_down = False
    assert (done.versions, done.lost, done.left) == (0, (), ("1 versions of pd:Purchase",))
    add(phone, "scarf")
    assert phone.vault.upkeep.repair(phone.vault.upkeep.check()).left == ()
    for one in (laptop, phone, laptop):
        assert one.vault.merge().unread == {}
    for one in (phone, laptop):
        assert one.vault.upkeep.check().is_sound and names(one) == ["coat", "hat", "scarf"]


def test_a_stream_of_a_home_that_is_forgotten_is_repaired_here(homes: tuple[Home, Home], store: MortalStore) -> None:
    phone, laptop = homes
    lose(store, laptop, phone)
    laptop.vault.forget_home(phone.id)
    assert laptop.vault.upkeep.repair(laptop.vault.upkeep.check()).left == ()
    assert names(laptop) == ["coat", "hat"] and {one.part for one in laptop.vault.upkeep.check().faults} <= {
        "working copy"
    }


def test_a_repair_leaves_what_a_merge_had_begun_to_take_over(homes: tuple[Home, Home], store: MortalStore) -> None:
    phone, laptop = homes
    add(phone, "scarf")
    store.left, store.acts_first = 1, False
    with pytest.raises(Killed):
        laptop.vault.merge()
    store.left = -1
    laptop.reopen()
    named, lost = phone.reached(), lose(store, laptop, laptop)
    laptop.vault.upkeep.repair(laptop.vault.upkeep.check())
    assert named - set(store.kept) == {lost}


def test_a_home_whose_index_is_lost_leaves_what_others_name(homes: tuple[Home, Home], store: MortalStore) -> None:
    phone, laptop = homes
    del store.kept[digest_of_cid(laptop.index)]
    laptop.vault.upkeep.repair(laptop.vault.upkeep.check(), accept_loss=True)
    assert phone.reached() <= set(store.kept)
    for one in (laptop, phone, laptop):
        assert one.vault.merge().unread == {}
    for one in (phone, laptop):
        assert one.vault.upkeep.check().is_sound and names(one) == ["coat", "hat"]
