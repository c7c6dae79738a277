"""Bundles: a brand gets what its view names and nothing else, and learns nothing of any other brand."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.crypto.seeds import relationship_key
from registry.core.errors import InvalidInput, WrongCapsule
from registry.core.ipld.unixfs import blocks_of
from registry.core.sealed.bundles import FILE, NAME, BundleKey, View
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.heads import StreamReader
from registry.core.sealed.records import Record
from registry.vault.bundles import held_by_brand
from registry.vault.database import Database
from registry.vault.draft import Draft, FileSource
from registry.vault.large_files import open_file
from tests.support.builders import CONTROLLER, SEED, SUBJECT, account, word
from tests.support.fake_storage import MemoryBlocks

OTHER = account("other brand").address
VIEW = View("pd:Purchase", ("name", "price"), continuing=True)
ONCE = View("pd:Purchase", ("name", "price"))
PERIOD = View("pd:Purchase", ("name",), from_="2026-01-10", until="2026-01-20", continuing=True)


def purchase(name: str, day: int = 15, **more: object) -> Draft:
    body = {"name": name, "price": "12.50", "orderDate": f"2026-01-{day:02d}", "seller": "Maison Aurelle"}
    return Draft("pd:Purchase", "purchase/1", body=body, source="by hand", **more)  # type: ignore[arg-type]


@pytest.fixture
def store() -> MemoryBlocks:
    return MemoryBlocks()


@pytest.fixture
def vault(tmp_path: Path, store: MemoryBlocks) -> Iterator[Database]:
    with Database(tmp_path / "vault", SEED, store) as made:
        yield made


class Brand:
    """A brand: it has the keys that it was handed, and reads the store."""

    def __init__(self, store: MemoryBlocks, controller: str = CONTROLLER) -> None:
        self._store, self._controller, self.keys = store, controller, tuple[BundleKey, ...]()

    def _reader(self, key: BundleKey) -> StreamReader:
        signer = public_key_of(relationship_key(SEED, SUBJECT, self._controller))
        return StreamReader(key.stream, key.identity, signer, self._store.get)

    def versions(self) -> list[Record]:
        found = []
        for key in self.keys:
            reader = self._reader(key)
            for segment in reader.segments(reader.head(key.head)):
                found += reader.records(segment)
        return found

    def holds(self) -> dict[str, Record]:
        newest = dict[str, Record]()
        for record in self.versions():
            if record.id not in newest or newest[record.id].counter < record.counter:
                newest[record.id] = record
        return {name: record for name, record in newest.items() if not record.deleted}

    def names(self) -> list[str]:
        return sorted(str((record.body or {})["name"]) for record in self.holds().values())

    def blocks(self) -> dict[str, bytes]:
        """All that it can fetch by what it knows."""
        files = []
        for key in self.keys:
            reader = self._reader(key)
            head = reader.head(key.head)
            files += [key.head, *(segment.cid for segment in reader.segments(head))]
        return {block.cid: block.data for file in files for block in blocks_of(file, self._store.get)}


def test_a_brand_gets_the_members_of_its_view_and_nothing_else(vault: Database, store: MemoryBlocks) -> None:
    (name,) = vault.add([purchase("coat", tags=("gift",))])
    vault.add([Draft("pd:Location", "place-visited/1", body={"name": "home", "arrivalTime": "2026-01-15T10:00:00Z"})])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    (record,) = brand.versions()
    assert record.body == {"name": "coat", "price": "12.50"} and record.time == "2026-01-15"
    assert (record.home, record.source, record.tags, record.key) == (None, None, (), None)
    assert record.id != name.replace("-", "")


def test_source_and_tags_go_along_where_the_view_says_so(vault: Database, store: MemoryBlocks) -> None:
    vault.add([purchase("coat", tags=("gift",))])
    brand = Brand(store)
    brand.keys = vault.shares.begin(
        SUBJECT, CONTROLLER, [View("pd:Purchase", ("name",), source=True, tags=True)], word(1)
    )
    (record,) = brand.versions()
    assert (record.source, record.tags) == ("by hand", ("gift",))


def test_a_period_leaves_out_what_is_before_and_from_its_end(vault: Database, store: MemoryBlocks) -> None:
    vault.add([purchase(f"day {day}", day) for day in (9, 10, 19, 20)])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [PERIOD], word(1))
    assert brand.names() == ["day 10", "day 19"]
    assert sorted(str(one.body) for one in vault.shares.preview(PERIOD)) == ["{'name': 'day 10'}", "{'name': 'day 19'}"]


def test_an_update_brings_what_is_new_changed_and_gone(vault: Database, store: MemoryBlocks) -> None:
    names = vault.add([purchase("coat"), purchase("hat"), purchase("scarf")])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [PERIOD], word(1))
    first = brand.keys
    assert vault.shares.bring_up_to_date(word(1)) == first, "nothing is new"
    vault.add([purchase("gloves"), purchase("late gloves", 25)])
    vault.edit(names[0], body={"name": "blue coat", "orderDate": "2026-01-15"})
    vault.edit(names[1], body={"name": "hat", "orderDate": "2026-01-25"}, time="2026-01-25")  # out of the period
    vault.remove([names[2]])
    assert brand.names() == ["coat", "hat", "scarf"], "what it had, it has"
    brand.keys = vault.shares.bring_up_to_date(word(1))
    assert brand.names() == ["blue coat", "gloves"]
    assert sorted(one.counter for one in brand.versions()) == [1, 1, 1, 1, 2, 2, 2]
    vault.edit(names[1], time="2026-01-12")  # and back in
    brand.keys = vault.shares.bring_up_to_date(word(1))
    assert brand.names() == ["blue coat", "gloves", "hat"]


def test_an_edit_outside_the_view_shows_nothing(vault: Database, store: MemoryBlocks) -> None:
    (name,) = vault.add([purchase("coat")])
    keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    vault.edit(name, tags=("secret",), source="elsewhere")
    assert vault.shares.bring_up_to_date(word(1)) == keys


def test_two_brands_hold_nothing_in_common_but_values(vault: Database, store: MemoryBlocks) -> None:
    vault.add([purchase(f"thing {number}") for number in range(50)])
    one, other = Brand(store), Brand(store, OTHER)
    one.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    other.keys = vault.shares.begin(SUBJECT, OTHER, [VIEW], word(2))
    mine, theirs = one.blocks(), other.blocks()
    assert mine and not mine.keys() & theirs.keys()
    assert not one.holds().keys() & other.holds().keys() and one.names() == other.names()
    for ours, others in ((one.keys, other.keys),):
        assert {key.stream for key in ours}.isdisjoint(key.stream for key in others)
        assert {key.identity for key in ours}.isdisjoint(key.identity for key in others)
    shared = _windows(b"".join(mine.values())) & _windows(b"".join(theirs.values()))
    assert all(window in AGE for window in shared), "the sealed bytes have age's own words in common alone"
    with pytest.raises(WrongCapsule):
        Brand(store, OTHER)._reader(one.keys[0]).head(one.keys[0].head)


AGE = b"age-encryption.org/v1\n-> mlkem768x25519 "


def _windows(data: bytes, size: int = 12) -> set[bytes]:
    return {data[at : at + size] for at in range(len(data) - size + 1)}


def test_a_brand_sees_no_trace_of_others_that_join_change_or_leave(vault: Database, store: MemoryBlocks) -> None:
    vault.add([purchase("coat")])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    before = brand.blocks()
    vault.shares.begin(SUBJECT, OTHER, [VIEW], word(2))
    vault.add([Draft("pd:Location", "place-visited/1", body={"name": "home", "arrivalTime": "2026-01-15T10:00:00Z"})])
    vault.shares.bring_up_to_date(word(2))
    vault.shares.end(word(2))
    assert vault.shares.bring_up_to_date(word(1)) == brand.keys and brand.blocks() == before


def test_an_ended_bundle_is_never_continued(vault: Database, store: MemoryBlocks) -> None:
    vault.add([purchase("coat")])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    vault.shares.end(word(1))
    vault.add([purchase("later")])
    with pytest.raises(InvalidInput, match="has ended"):
        vault.shares.bring_up_to_date(word(1))
    again = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(3))
    assert brand.names() == ["coat"] and again[0].identity != brand.keys[0].identity


def test_a_bundle_that_nobody_got_leaves_no_block(vault: Database, store: MemoryBlocks) -> None:
    vault.add([purchase(f"thing {number}") for number in range(20)])
    before = len(store.kept)
    keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    brand = Brand(store)
    brand.keys = keys
    cids = brand.blocks().keys()
    vault.shares.discard(word(1))
    assert not any(map(store.has, cids)) and vault.shares.of(word(1)) == ()
    assert len(store.kept) == before + 1, "the index now names a book"


def test_a_grant_has_its_bundles_once(vault: Database) -> None:
    vault.add([purchase("coat")])
    vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    with pytest.raises(InvalidInput, match="already"):
        vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))


def test_a_view_that_shows_nothing_gets_a_bundle_only_where_later_records_follow(
    vault: Database, store: MemoryBlocks
) -> None:
    vault.add([purchase("coat")])
    past = View("pd:Purchase", ("name",), until="2020-01-01")
    assert vault.shares.begin(SUBJECT, CONTROLLER, [past], word(1)) == () and vault.shares.all() == ()
    brand = Brand(store)
    later = View("pd:Purchase", ("name",), from_="2026-02-01", continuing=True)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [later], word(1))
    assert len(brand.keys) == 1 and brand.versions() == []
    vault.add([Draft("pd:Purchase", "purchase/1", body={"name": "new", "orderDate": "2026-02-03"})])
    brand.keys = vault.shares.bring_up_to_date(word(1))
    assert brand.names() == ["new"]


def test_a_view_that_is_not_continuing_stays_as_it_was_handed_over(vault: Database, store: MemoryBlocks) -> None:
    (name,) = vault.add([purchase("coat")])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [ONCE], word(1))
    vault.add([purchase("later")])
    vault.edit(name, body={"name": "blue coat", "orderDate": "2026-01-15"})
    assert vault.shares.bring_up_to_date(word(1)) == brand.keys and brand.names() == ["coat"]


def test_a_grant_that_replaces_a_live_one_continues_its_bundles_and_ends_alone(
    vault: Database, store: MemoryBlocks
) -> None:
    vault.add([purchase("coat")])
    (old, once) = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW, ONCE], word(1))
    vault.add([purchase("hat")])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW, ONCE], word(2), continued=word(1))
    assert brand.keys[0].stream == old.stream and brand.keys[1].stream != once.stream
    assert brand.names() == ["coat", "coat", "hat", "hat"]
    vault.shares.end(word(1))
    assert [one.ended for one in vault.shares.all()] == [False, True, False]
    vault.add([purchase("scarf")])
    assert vault.shares.bring_up_to_date(word(2))[0].head != brand.keys[0].head
    vault.shares.end(word(2))
    assert all(one.ended for one in vault.shares.all())


def test_another_brands_bundle_is_not_continued(vault: Database) -> None:
    vault.add([purchase("coat")])
    (old,) = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    (new,) = vault.shares.begin(SUBJECT, OTHER, [VIEW], word(2), continued=word(1))
    assert new.stream != old.stream


def test_discarding_a_grant_that_would_have_continued_a_bundle_takes_its_lock_alone(
    vault: Database, store: MemoryBlocks
) -> None:
    vault.add([purchase("coat")])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(2), continued=word(1))
    vault.shares.discard(word(2))
    assert [one.locks for one in vault.shares.all()] == [(word(1),)] and brand.names() == ["coat"]


def test_the_name_of_a_file_goes_along_only_where_the_view_says_so(vault: Database, store: MemoryBlocks) -> None:
    body = b"scan"
    digest = hashlib.sha256(body).hexdigest()
    source = FileSource("for my lawyer.pdf", "application/pdf", len(body), digest, lambda: io.BytesIO(body))
    vault.add([purchase("coat", file=source)])
    brand = Brand(store)
    for members, name in (((FILE,), "file.pdf"), ((FILE, NAME), "for my lawyer.pdf")):
        brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [View("pd:Purchase", members)], word(len(members)))
        (record,) = brand.versions()
        assert record.file is not None and record.file.name == name


def test_a_file_goes_along_only_by_its_name_in_the_view(vault: Database, store: MemoryBlocks) -> None:
    body = os.urandom(1_500_000)
    digest = hashlib.sha256(body).hexdigest()
    source = FileSource("scan.pdf", "application/pdf", len(body), digest, lambda: io.BytesIO(body))
    vault.add([purchase("coat", file=source)])
    brand = Brand(store)
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [VIEW], word(1))
    assert brand.versions()[0].file is None
    brand.keys = vault.shares.begin(SUBJECT, CONTROLLER, [View("pd:Purchase", (FILE, "name"))], word(2))
    file, sink = brand.versions()[0].file, io.BytesIO()
    assert file is not None
    open_file(file, store.get, sink)
    assert sink.getvalue() == body


STEPS = st.lists(st.tuples(st.sampled_from(["add", "edit", "remove", "move", "sync"]), st.integers(0, 30)), max_size=25)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_after_each_update_a_brand_holds_what_the_view_shows(steps: list[tuple[str, int]], tmp_path: Path) -> None:
    store = MemoryBlocks()
    with Database(tmp_path / os.urandom(8).hex(), os.urandom(32), store) as vault:
        names = vault.add([purchase("first")])
        vault.shares.begin(SUBJECT, CONTROLLER, [PERIOD], word(1))
        for number, (step, choice) in enumerate(steps):
            alive = [record.id for record in vault.select("")]
            if step == "add" or not alive:
                names += vault.add([purchase(f"thing {number}", choice % 28 + 1)])
            elif step == "edit":
                record = vault.get(alive[choice % len(alive)])
                vault.edit(record.id, body={**(record.body or {}), "name": f"edited {number}"})
            elif step == "move":
                vault.edit(alive[choice % len(alive)], time=f"2026-01-{choice % 28 + 1:02d}")
            elif step == "remove":
                vault.remove([alive[choice % len(alive)]])
            else:
                vault.shares.bring_up_to_date(word(1))
        vault.shares.bring_up_to_date(word(1))
        (bundle,) = vault.shares.of(word(1))
        party = vault.shares.party(bundle)
        held = held_by_brand(store, party, bundle)
        wanted = sorted(str(one.body) for one in vault.shares.preview(PERIOD))
        assert sorted(str(one.body) for one in held.values() if not one.deleted) == wanted
