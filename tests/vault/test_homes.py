"""Homes of one seed on one store: what each takes over from the others, and what it waits for before it erases."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import digest_of_cid
from registry.core.sealed.bundles import View
from registry.core.sealed.index import VaultBook
from registry.storage.base import BlockStore, Names
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.draft import Draft
from registry.vault.merging import MERGES
from registry.vault.shred import selection_of
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.home_models import NAME, Home, MortalStore
from tests.support.kubo_node import running

VIEW = View("pd:Purchase", ("name",), continuing=True)


def purchase(name: str, **more: object) -> Draft:
    return Draft("pd:Purchase", "purchase/1", body={"name": name, "orderDate": "2026-01-31"}, **more)  # type: ignore[arg-type]


def names(vault: Database) -> list[str]:
    return sorted(str((record.body or {})["name"]) for record in vault.select(""))


@pytest.fixture
def store() -> MortalStore:
    return MortalStore()


Opened = Callable[[str], Home]


@pytest.fixture
def home(tmp_path: Path, store: MortalStore) -> Iterator[Opened]:
    made = dict[str, Home]()

    def open_(name: str) -> Home:
        return made.setdefault(name, Home(tmp_path / name, store))

    yield open_
    for one in made.values():
        one.vault.close()


@pytest.fixture
def phone(home: Opened) -> Home:
    return home("phone")


@pytest.fixture
def laptop(home: Opened) -> Home:
    return home("laptop")


def test_each_change_begins_with_what_the_others_have(phone: Home, laptop: Home) -> None:
    (coat,) = phone.vault.add([purchase("coat")])
    laptop.vault.add([purchase("hat")])
    assert names(laptop.vault) == ["coat", "hat"] and names(phone.vault) == ["coat"]
    laptop.vault.edit(coat, tags=("gift",))
    phone.vault.edit(coat, source="by hand")
    assert [(one.counter, one.home) for one in phone.vault.history(coat)] == [
        (1, phone.id),
        (2, laptop.id),
        (3, phone.id),
    ]
    assert phone.vault.get(coat).tags == ("gift",) and names(phone.vault) == ["coat", "hat"]


def test_a_merge_is_told_and_ends(phone: Home, laptop: Home) -> None:
    phone.vault.add([purchase("coat")])
    assert laptop.vault.merge().homes == (phone.id,) and names(laptop.vault) == ["coat"]
    assert phone.vault.merge() == ((laptop.id,), {})
    before = [phone.index, laptop.index]
    for one in (laptop, phone, laptop, phone):
        one.vault.merge()
    assert [phone.index, laptop.index] == before, "nothing new makes no new index"


def test_reading_looks_at_no_other_home_and_writes_nothing(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    store.names_down = True
    assert names(phone.vault) == ["coat"] and phone.vault.stats().records == 1
    assert names(laptop.vault) == [] and not laptop.folder.exists()


def test_streams_belong_to_the_home_that_made_them(phone: Home, laptop: Home) -> None:
    (coat,) = phone.vault.add([purchase("coat")])
    laptop.vault.remove([coat])
    index = laptop.vault._folder.index()
    assert index is not None
    assert sorted(one.stream[:16] for one in index.streams) == sorted([phone.id, laptop.id])
    phone.vault.merge()
    assert names(phone.vault) == []


def test_blocks_go_once_no_home_needs_them(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    laptop.vault.add([purchase("hat")])
    before = laptop.reached()
    for number in range(20):
        phone.vault.add([purchase(f"shirt {number}")])
    assert before <= set(store.kept), "the laptop still names them"
    laptop.vault.merge()
    phone.vault.merge()
    assert set(store.kept) == phone.reached() | laptop.reached()


def test_a_home_that_is_gone_is_forgotten(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    laptop.vault.add([purchase("hat")])
    with pytest.raises(InvalidInput, match="no other home"):
        laptop.vault.forget_home(laptop.id)
    laptop.vault.forget_home(phone.id)
    for number in range(10):
        laptop.vault.add([purchase(f"shirt {number}")])
    assert len(names(laptop.vault)) == 12 and laptop.vault.merge().homes == ()
    assert laptop.vault._folder.journal._read_waiting() == set()
    phone.vault.add([purchase("scarf")])
    assert len(names(phone.vault)) == 13, "it comes back as it likes"


def test_what_cannot_be_read_now_comes_later(phone: Home, laptop: Home, store: MortalStore) -> None:
    laptop.vault.add([purchase("hat")])
    phone.vault.add([purchase("coat")])
    for lost in sorted(phone.reached() - laptop.reached()):
        away = store.kept.pop(lost)
        assert list(laptop.vault.merge().unread) == [phone.id]
        laptop.vault.add([purchase("scarf")])
        assert "coat" not in names(laptop.vault) and laptop.reached() <= set(store.kept)
        laptop.vault._folder._mirror.close()
        (laptop.folder / "copy.db").unlink()
        assert "coat" not in names(laptop.vault)
        store.kept[lost] = away
    with pytest.raises(StorageUnavailable, match="could not be read"):
        store.kept.pop(lost)
        laptop.vault.forget_home(phone.id)
    store.kept[lost] = away
    assert laptop.vault.merge().unread == {} and "coat" in names(laptop.vault)


def test_a_home_that_is_lost_for_good_can_be_forgotten(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    store.kept.clear()
    laptop.vault.add([purchase("hat")])
    assert list(laptop.vault.merge().unread) == [phone.id]
    laptop.vault.forget_home(phone.id, is_lost=True)
    assert laptop.vault.merge() == ((), {})


def test_names_that_are_away_keep_nobody_from_changing(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    laptop.vault.merge()
    store.names_down = True
    phone.vault.add([purchase("hat")])
    assert list(phone.vault.merge().unread) == [""]
    store.names_down = False
    assert laptop.vault.merge().unread == {} and names(laptop.vault) == ["coat"], "what its name says is still there"
    phone.vault.merge()
    laptop.vault.merge()
    assert names(laptop.vault) == ["coat", "hat"]


def _compact(home: Home, coat: str) -> None:
    home.vault.upkeep.compact()


def _discard(home: Home, coat: str) -> None:
    home.vault.shares.discard(word(1))


def _shred(home: Home, coat: str) -> None:
    home.vault.shred(selection_of([coat]))


@pytest.mark.parametrize("act", [_compact, _discard, _shred])
def test_a_home_that_cannot_look_leaves_what_others_may_name(
    phone: Home, laptop: Home, store: MortalStore, act: Callable[[Home, str], None]
) -> None:
    (coat,) = phone.vault.add([purchase("coat")])
    (hat,) = phone.vault.add([purchase("hat")])
    phone.vault.remove([hat])
    phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    laptop.vault.add([purchase("scarf")])
    phone.vault.merge()
    laptop.reopen()
    store.names_down = True
    act(laptop, coat)
    store.names_down = False
    assert phone.reached() <= set(store.kept)
    for one in (laptop, phone, laptop, phone):
        assert one.vault.merge().unread == {}
    assert names(phone.vault) == names(laptop.vault) == (["scarf"] if act is _shred else ["coat", "scarf"])
    assert set(store.kept) == phone.reached() | laptop.reached()


@pytest.mark.parametrize("planted", [b"", b"nonsense", bytes(16_384)])
def test_a_name_that_is_no_name_is_told_and_left(phone: Home, laptop: Home, store: MortalStore, planted: bytes) -> None:
    phone.vault.add([purchase("coat")])
    store.named[NAME]["ffeeddccbbaa9988"] = planted
    laptop.vault.add([purchase("hat")])
    assert names(laptop.vault) == ["coat", "hat"] and list(laptop.vault.merge().unread) == ["ffeeddccbbaa9988"]
    store.named[NAME][laptop.id] = planted
    laptop.vault.add([purchase("scarf")])
    phone.vault.merge()
    assert names(phone.vault) == ["coat", "hat", "scarf"], "its own name it writes again"


def test_an_older_name_is_refused(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    older = store.named[NAME][phone.id]
    phone.vault.add([purchase("hat")])
    laptop.vault.merge()
    store.named[NAME][phone.id] = older
    (why,) = laptop.vault.merge().unread.values()
    assert "older than it was: change 2 was seen of it, and the store has change 1" in why
    with pytest.raises(InvalidInput, match="no other home"):
        phone.vault.forget_home(phone.id)
    phone.vault.add([purchase("scarf")])
    assert laptop.vault.merge().unread == {} and names(laptop.vault) == ["coat", "hat", "scarf"]


def test_an_older_copy_of_a_home_is_refused_and_loses_nothing(phone: Home, store: MortalStore, tmp_path: Path) -> None:
    phone.vault.add([purchase("coat")])
    phone.vault.close()
    shutil.copytree(phone.folder, tmp_path / "backup")
    # As if the copy had been made in the middle of the next change.
    blocks = dict(store.kept)
    phone.vault.add([purchase("hat")])
    pending = _cids(phone, set(store.kept) - set(blocks))
    (tmp_path / "backup" / "pending").write_text("".join(f"{cid}\n" for cid in pending))
    phone.vault.close()
    kept, old = dict(store.kept), Home(tmp_path / "backup", store)
    calls: list[Callable[[], object]] = [lambda: old.vault.remove([]), lambda: old.vault.add([purchase("scarf")])]
    calls += [old.vault.merge, lambda: old.vault.forget_home("00" * 8), lambda: old.vault.shares.all()]
    for call in calls:
        with pytest.raises(InvalidInput, match="older copy of this vault") as caught:
            call()
        assert "as a new home" in (caught.value.advice or "") and store.kept == kept
    old.renew()
    old.vault.add([purchase("scarf")])
    assert names(old.vault) == ["coat", "hat", "scarf"] and old.id != phone.id
    old.vault.close()


def _cids(home: Home, digests: set[bytes]) -> list[str]:
    index = home.vault._folder.index()
    assert index is not None
    found = [home.index, *(one.head for one in index.streams)]
    return [cid for cid in found if digest_of_cid(cid) in digests]


def test_a_home_that_was_copied_is_noticed(phone: Home, store: MortalStore, tmp_path: Path) -> None:
    phone.vault.add([purchase("coat")])
    phone.vault.close()
    shutil.copytree(phone.folder, tmp_path / "twin")
    twin = Home(tmp_path / "twin", store)
    twin.vault.add([purchase("hat")])
    twin.vault.close()
    with pytest.raises(InvalidInput, match="older copy"):
        phone.vault.add([purchase("scarf")])


def test_a_shredded_record_goes_from_every_home(phone: Home, laptop: Home, store: MortalStore) -> None:
    coat, _ = phone.vault.add([purchase("coat"), purchase("hat")])
    laptop.vault.edit(coat, tags=("gift",))
    laptop.shred(coat)
    assert names(laptop.vault) == ["hat"]
    phone.vault.merge()
    laptop.vault.merge()
    phone.vault.merge()
    for one in (phone, laptop):
        one.vault.close()
        (one.folder / "copy.db").unlink()
        assert names(one.vault) == ["hat"]
        with pytest.raises(InvalidInput, match="there is no record"):
            one.vault.restore(coat, 1)
    assert set(store.kept) == phone.reached() | laptop.reached()
    assert not any("coat" in str(one) for one in _all_versions(phone))


def _all_versions(home: Home) -> list[object]:
    """All versions in the segments that a home names, shredded or not."""
    folder, found = home.vault._folder, list[object]()
    index = folder.index()
    assert index is not None
    from registry.vault.streams import Streams

    streams = Streams(folder._key, home.store.get, home.store.put)
    for stream in index.streams:
        for segment in streams.segments(stream):
            found += streams.records(stream, segment)
    return found


def test_of_two_bundles_for_one_relationship_and_view_the_first_stays(phone: Home, laptop: Home) -> None:
    phone.vault.add([purchase("coat")])
    laptop.vault.merge()
    phone.store.names_down = True
    (one,) = phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    (two,) = laptop.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(2))
    phone.store.names_down = False
    for each in (phone, laptop, phone):
        each.vault.merge()
    for each in (phone, laptop):
        bundles = {bundle.name: bundle.ended for bundle in each.vault._folder.book().bundles}
        assert bundles == {min(one.stream, two.stream): False, max(one.stream, two.stream): True}


def test_bundles_that_one_home_made_stay_both(phone: Home, laptop: Home) -> None:
    phone.vault.add([purchase("coat")])
    for lock in (word(1), word(2)):
        phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], lock)
    laptop.vault.merge()
    phone.vault.merge()
    assert [bundle.ended for bundle in laptop.vault._folder.book().bundles] == [False, False]


def test_either_home_goes_on_with_a_bundle(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    for number, one in enumerate((laptop, phone, laptop, phone)):
        one.vault.add([purchase(f"hat {number}")])
        one.vault.shares.bring_up_to_date(word(1))
    laptop.vault.merge()
    phone.vault.merge()
    laptop.vault.merge()
    assert [bundle.number for bundle in laptop.vault.shares.of(word(1))] == [5]
    assert set(store.kept) == phone.reached() | laptop.reached()


def test_a_home_ends_a_bundle_that_it_has_not_seen_yet(phone: Home, laptop: Home) -> None:
    phone.vault.add([purchase("coat")])
    phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    assert laptop.vault.shares.end(word(1)) == 1
    with pytest.raises(InvalidInput, match="has ended"):
        phone.vault.shares.bring_up_to_date(word(1))


def test_a_bundle_that_cannot_be_read_keeps_nobody_from_changing(phone: Home, laptop: Home, store: MortalStore) -> None:
    phone.vault.add([purchase("coat")])
    (key,) = phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    laptop.vault.merge()
    phone.vault.add([purchase("hat")])
    (key,) = phone.vault.shares.bring_up_to_date(word(1))
    laptop.vault.merge()
    lost = store.kept.pop(digest_of_cid(key.head))
    phone.vault.add([purchase("scarf")])
    assert names(phone.vault) == ["coat", "hat", "scarf"]
    store.kept[digest_of_cid(key.head)] = lost
    laptop.vault.add([purchase("shirt")])
    phone.vault.merge()
    laptop.vault.merge()
    assert set(store.kept) == phone.reached() | laptop.reached()


def test_bundles_that_were_discarded_do_not_come_back_alive(phone: Home, laptop: Home) -> None:
    phone.vault.add([purchase("coat")])
    phone.vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    laptop.vault.merge()
    phone.vault.shares.discard(word(1))
    laptop.vault.merge()
    phone.vault.merge()
    for one in (phone, laptop):
        assert all(bundle.ended for bundle in one.vault.shares.of(word(1)))


def schema(title: str, name: str | None = "running/1") -> bytes:
    profile = {"category": "pd:Health", "undated": True, **({"name": name} if name else {})}
    return json.dumps({"type": "object", "title": title, "x-vault": profile}).encode()


def test_two_schemas_of_one_name_stay_both(home: Opened) -> None:
    homes, store = [home("a"), home("b"), home("c")], home("a").store
    store.names_down = True
    for title, one in zip(("middle", "last", "first"), homes, strict=True):
        one.vault.add_schema(schema(title))
        one.vault.add([Draft("pd:Health", "running/1", body={"title": title})])
    homes[0].vault.add_schema(schema("next", "running/2"))
    store.names_down = False
    for one in [*homes, *homes, *homes]:
        one.vault.merge()
    wanted = {"running/1": "first", "running/2": "last", "running/3": "middle", "running/4": "next"}
    for one in homes:
        own = one.vault.schemas.own()
        assert {each.name: str(each.document["title"]) for each in own} == wanted
        assert len(list(one.vault.select(""))) == 3 and one.vault.merge().unread == {}
        with Database(one.folder, SEED, store) as again:
            assert {each.name: str(each.document["title"]) for each in again.schemas.own()} == wanted


def test_every_member_of_a_book_is_merged() -> None:
    plain = {"signature", "type", "version"}
    assert {field.name for field in msgspec.structs.fields(VaultBook)} - plain == set(MERGES)


class NoNames:
    """A store that keeps blocks alone, such as one of another kind."""

    def __init__(self, store: MortalStore) -> None:
        for name, method in inspect.getmembers(store, inspect.ismethod):
            if name not in ("names", "set_name"):
                setattr(self, name, method)


def test_a_store_without_names_serves_one_home(store: MortalStore, tmp_path: Path) -> None:
    plain: BlockStore = NoNames(store)  # type: ignore[assignment]
    assert not isinstance(plain, Names)
    with Database(tmp_path / "vault", SEED, plain) as vault:
        for number in range(10):
            vault.add([purchase(f"coat {number}")])
        assert vault.merge() == ((), {}) and len(names(vault)) == 10
    assert not (tmp_path / "vault" / "waiting").exists() and store.named == {}


def scenario(stores: list[BlockStore], folder: Path) -> None:
    """Two homes, each with a connection of its own to one store."""
    phone, laptop = (Database(folder / str(number), SEED, store) for number, store in enumerate(stores))
    with phone, laptop:
        (coat,) = phone.add([purchase("coat")])
        laptop.take(purchase(f"hat {number}") for number in range(20))
        phone.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
        laptop.shares.bring_up_to_date(word(1))
        laptop.edit(coat, tags=("gift",))
        for number in range(9):
            phone.add([purchase(f"shirt {number}")])
        laptop.shares.end(word(1))
        for one in (phone, laptop, phone):
            assert one.merge().unread == {}
        assert names(phone) == names(laptop) and len(names(phone)) == 30 and phone.get(coat).tags == ("gift",)
        assert [bundle.ended for bundle in phone.shares.of(word(1))] == [True]
        home = (folder / "1" / "home").read_text().strip()
        phone.forget_home(home)
        assert phone.merge().homes == ()


def test_two_homes_on_one_sqlite_file(tmp_path: Path) -> None:
    with SqliteBlocks(tmp_path / "blocks.db") as one, SqliteBlocks(tmp_path / "blocks.db") as two:
        scenario([one, two], tmp_path)


@pytest.mark.slow
def test_two_homes_on_one_kubo_node(tmp_path: Path) -> None:
    from registry.storage.kubo import KuboBlocks

    with running() as node, KuboBlocks(node.address) as one, KuboBlocks(node.address) as two:
        scenario([one, two], tmp_path)
