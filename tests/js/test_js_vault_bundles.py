"""Streams and bundles: each side continues what the other one made, and a brand reads only what is new."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import codec
from registry.core.errors import InvalidInput
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.heads import StreamReader
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import Record, write_record
from registry.vault.branches import apart_from
from registry.vault.bundles import files_of, held_in_branches, key_of
from registry.vault.views import shown
from tests.support.builders import CONTROLLER, SUBJECT, word
from tests.support.sealed_builders import file_ref, record, view
from tests.support.two_bundlers import (
    CONTINUING,
    PARTY,
    SEED_HEX,
    SIGNER,
    WHO,
    Store,
    began,
    continued,
    parsed,
    plain,
    read_here,
    read_there,
    uncounted,
    wanted,
)
from tests.support.vault_answers import asked, b64, received

# Who goes on with the bundle, after which edits: a record is edited, deleted, hidden, or moved out of the view.
edits = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("eedno")), max_size=4)
steps = st.lists(st.tuples(st.sampled_from(["py", "js"]), edits), min_size=1, max_size=5)


@settings(max_examples=15)
@given(st.sampled_from(["py", "js"]), steps)
def test_js_and_python_continue_each_others_bundles(first: str, turns: list[tuple[str, list[tuple[int, str]]]]) -> None:
    store, vault, chance = Store(), {0: record(0), 1: record(1)}, random.Random(1)
    bundle = began(first, store, CONTINUING, vault.values())
    assert bundle is not None
    older = key_of(bundle)
    for turn, (side, edits) in enumerate(turns):
        for number, act in edits:
            known = vault.get(number)
            counter = 1 if known is None else known.counter + 1
            if act == "d":
                vault[number] = Record(id=record(number).id, counter=counter, home=record().home, deleted=True)
            elif act == "o":  # an edit that moves it out of the view
                vault[number] = record(number, counter=counter, category="pd:EmailAddress")
            else:
                body = {"name": f"thing {chance.random()}", "price": "1.00", "hidden": turn}
                vault[number] = record(number, counter=counter, body=body if act == "e" else {"hidden": turn})
        before = bundle
        bundle, gone = continued(side, store, bundle, vault.values(), "aa" * 8)
        expected = wanted(bundle, vault.values())
        assert uncounted(read_here(store, key_of(bundle))) == expected
        found, _ = read_there(store, key_of(bundle), older)
        assert uncounted(found) == expected and found == read_here(store, key_of(bundle))
        assert bundle.number in (before.number, before.number + 1) and bundle.secret == before.secret
        assert gone.isdisjoint(files_of(store, PARTY, bundle))
        assert (bundle.head in gone) is False and (before.head in gone) == (bundle.head != before.head)
        older = key_of(bundle)
    again, gone = continued("js", store, bundle, vault.values(), "aa" * 8)
    assert again == bundle and not gone  # nothing new puts nothing


def test_js_reads_only_what_is_new() -> None:
    store = Store()
    many = {number: record(number) for number in range(2_000)}
    bundle = began("js", store, CONTINUING, many.values())
    assert bundle is not None
    older = key_of(bundle)
    many[5] = record(5, counter=2, body={"name": "new"})
    many[9] = Record(id=many[9].id, counter=2, home=many[9].home, deleted=True)
    bundle, _ = continued("js", store, bundle, many.values(), "aa" * 8)
    found, fetched = read_there(store, key_of(bundle), older)
    assert len(found) == 1_999 and uncounted(found) == wanted(bundle, many.values())
    assert fetched == 2  # the head, and the one segment with the edit and the tombstone
    tombs = [one for one in held_in_branches(store, PARTY, bundle).newest.values() if one.deleted]
    assert len(tombs) == 1 and write_record(tombs[0]).count(b":") == 3


@pytest.mark.parametrize("side", ["py", "js"])
def test_a_view_that_shows_nothing_and_one_that_ends(side: str) -> None:
    store = Store()
    hidden = view(members=("nothing",))
    assert began(side, store, hidden, [record(1)]) is None
    empty = began(side, store, view(members=("nothing",), continuing=True), [record(1)])
    assert empty is not None and read_there(store, key_of(empty)) == ({}, 1)
    once = began(side, store, view(), [record(1)])
    assert once is not None
    assert continued(side, store, once, [record(1), record(2)], "aa" * 8) == (once, set())


def test_js_adds_nothing_to_an_ended_bundle() -> None:
    store = Store()
    bundle = began("js", store, CONTINUING, [record(1)])
    assert bundle is not None
    ended = msgspec.structs.replace(bundle, ended=True)
    with pytest.raises(InvalidInput):
        continued("py", store, ended, [], "aa" * 8)
    assert asked("broughtUpToDate", WHO | {"home": "aa" * 8}, plain(ended), [], store.sent()) == "InvalidInput"


VIEWS = [
    view(),
    view(members=("name",), schema="purchase/1"),
    view(schema="walk/1"),
    view(members=("$file", "name")),
    view(members=("$file", "$name", "name", "path")),
    view(until="2026-01-31"),
    view(from_="2026-01-31"),
    view(from_="2026-01-31T00:00:00+01:00", until="2026-02-01"),
    view(source=True, tags=True),
    view(category="pd:EmailAddress"),
]
RECORDS = [
    record(1),
    record(2, tags=("a", "b"), time="2026-01-30"),
    record(3, file=file_ref()),
    record(4, time="2026-01-30T23:59:59Z"),
    record(5, schema="file/1", body={"name": "a.txt", "path": "x/a.txt"}, file=file_ref()),
    record(6, body={"price": 1.5}),
    record(7, origin=Origin(CONTROLLER, "order-1")),
    record(8, origin=Origin(SUBJECT, "order-2")),
    record(9, file=file_ref(media_type="application/x-unknown"), body=None),
    record(10, body={"__proto__": 1, "name": "n"}),
]


@pytest.mark.parametrize("of", VIEWS, ids=lambda one: codec.encode(one).decode())
def test_js_shows_what_python_shows(of: View) -> None:
    store = Store()
    bundle = began("js", store, of, RECORDS)
    expected = {} if bundle is None else wanted(bundle, RECORDS)
    assert (bundle is None) == (not [one for one in RECORDS if shown(one, of, bytes(32), 1, CONTROLLER)])
    if bundle is not None:
        assert read_here(store, key_of(bundle)) == read_there(store, key_of(bundle))[0] == expected


def test_js_refuses_what_its_view_does_not_show() -> None:
    store = Store()
    bundle = began("js", store, view(members=("name", "price")), [record(1)])
    assert bundle is not None
    narrower = msgspec.structs.replace(key_of(bundle), view=view(members=("name",)))
    assert asked("brandReads", plain(narrower), SIGNER, store.sent(), None) == "DamagedSeal"
    assert asked("brandReads", plain(key_of(bundle)), word(3), store.sent(), None) == "WrongCapsule"


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("ed")), min_size=1, max_size=6))
def test_js_outdoes_what_homes_made_apart_as_python_does(edits: list[tuple[str, int, str]]) -> None:
    store, base = Store(), {number: record(number) for number in range(3)}
    bundle = began("py", store, CONTINUING, base.values(), "aa" * 8)
    assert bundle is not None
    vaults = {"a": dict(base), "b": dict(base)}
    for place, (home, number, act) in enumerate(edits):
        known, counter = vaults[home].get(number), 2 + place
        gone = act == "d" and known is not None
        new = Record(id=record(number).id, counter=counter, home=home * 16, deleted=True) if gone else None
        vaults[home][number] = new or record(number, counter=counter, home=home * 16, body={"name": f"{home} {place}"})
    apart = [continued("js", store, bundle, vaults[home].values(), home * 16)[0] for home in "ab"]
    branches = apart_from(apart[0], apart)
    newest = msgspec.structs.replace(apart[0], apart=branches)
    together = _merged(vaults["a"], vaults["b"])
    made = {side: continued(side, store, newest, together.values(), "cc" * 8) for side in ("py", "js")}
    held = {side: held_in_branches(store, PARTY, one).newest for side, (one, _) in made.items()}
    assert held["js"] == held["py"] and not made["js"][0].apart
    assert made["js"][0].writers == made["py"][0].writers and made["js"][0].number == made["py"][0].number
    assert uncounted(read_there(store, key_of(made["js"][0]))[0]) == wanted(made["js"][0], together.values())
    assert made["js"][1].isdisjoint(files_of(store, PARTY, made["js"][0]))
    if branches:
        assert {one.head for one in branches} < made["js"][1]


def _merged(one: dict[int, Record], other: dict[int, Record]) -> dict[int, Record]:
    return {
        number: max((each[number] for each in (one, other) if number in each), key=lambda it: it.version)
        for number in one | other
    }


@pytest.mark.parametrize("size", [10, 60_000], ids=["merged", "in lists"])
def test_python_reads_a_stream_that_js_grew(size: int) -> None:
    """Small segments are merged; large ones stay, and go into lists."""
    noise = random.Random(2)
    versions = [record(number, body={"name": noise.randbytes(size // 2).hex()}) for number in range(75)]
    answer = asked("grown", SEED_HEX, [[write_record(one).decode()] for one in versions])
    store = received(answer["blocks"])
    reader = StreamReader(answer["stream"], answer["identity"], answer["signer"], store.__getitem__)
    newest = reader.head(answer["head"])
    segments = list(reader.segments(newest))
    assert newest.number == answer["number"] == 75 and (newest.older is not None) == (size > 10)
    assert len(segments) == 75 if size > 10 else len(segments) < 16
    assert {one.id: one for each in segments for one in reader.records(each)} == {one.id: one for one in versions}
    assert {one.id for one in map(parsed, answer["newest"])} == {one.id for one in versions}
    lists = [part.older for part in reader.parts(newest) if part.older]
    assert set(answer["files"]) == {answer["head"], *lists, *(one.cid for one in segments)}


@settings(max_examples=60)
@given(st.data())
def test_js_never_shows_something_else_where_a_block_was_changed(data: st.DataObject) -> None:
    store, key, expected = _good()
    cid = data.draw(st.sampled_from(sorted(store.by_cid)))
    block = bytearray(store.by_cid[cid])
    block[data.draw(st.integers(0, len(block) - 1))] ^= data.draw(st.integers(1, 255))
    blocks = store.sent()
    found = asked("brandReads", plain(key), SIGNER, blocks | {cid: b64(bytes(block))}, None)
    assert found == "StorageUnavailable" or _alive(found) == expected


def _alive(found: Any) -> Any:
    return {one.id: one for one in map(parsed, found["alive"])} if isinstance(found, dict) else found


@cache
def _good() -> tuple[Store, BundleKey, dict[str, Record]]:
    store = Store()
    bundle = began("js", store, CONTINUING, [record(number) for number in range(20)])
    assert bundle is not None
    return store, key_of(bundle), read_here(store, key_of(bundle))
