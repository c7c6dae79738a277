"""Bundles that Python and JavaScript make and continue in one store, and what a brand reads of them on either side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from registry.client.bundle_records import BundleRecords
from registry.core.crypto.seeds import relationship_key
from registry.core.ipld.cid import Block
from registry.core.scalars import to_hex
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.files import Budget
from registry.core.sealed.index import Bundle
from registry.core.sealed.records import Record, parse_record, write_record
from registry.vault.bundles import Party, begin, bring_up_to_date, files_of, held_in_branches
from registry.vault.views import shown
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word
from tests.support.fake_storage import MemoryBlocks
from tests.support.sealed_builders import view
from tests.support.vault_answers import asked, b64, received, text_lines

SEED_HEX, LOCK = to_hex(SEED), word(1)
KEY = relationship_key(SEED, SUBJECT, CONTROLLER)
SIGNER, PARTY = public_key_of(KEY), Party(SUBJECT, CONTROLLER, KEY)
WHO = {"seed": SEED_HEX, "subject": SUBJECT, "controller": CONTROLLER}
CONTINUING = view(members=("name", "price"), continuing=True)


class Store(MemoryBlocks):
    """A store that both sides share: JavaScript gets all of it and gives it back."""

    def sent(self) -> dict[str, str]:
        return {cid: b64(data) for cid, data in self.by_cid.items()}

    @property
    def by_cid(self) -> dict[str, bytes]:
        return self.__dict__.setdefault("_by_cid", {})

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        given = list(blocks)
        super().put(given)
        self.by_cid.update(given)

    def take(self, blocks: dict[str, str]) -> None:
        self.put(Block(cid, data) for cid, data in received(blocks).items())


class PlainChange:
    """What `begin` and `bring_up_to_date` need of a change of the vault."""

    def __init__(self, store: Store, home: str) -> None:
        self.home, self.put = home, store.put
        self.files: list[str] = []

    def replace(self, files: Iterable[str], stream: str = "", number: int = 0) -> None:
        self.files += files


def plain(value: Any) -> Any:
    return msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(value)))


def bundle_of(members: dict[str, Any]) -> Bundle:
    made = msgspec.json.decode(msgspec.json.encode(members), type=Bundle)
    assert plain(made) == members  # not a member more or less than ours
    return made


def began(side: str, store: Store, of: View, records: Iterable[Record], home: str = "aa" * 8) -> Bundle | None:
    if side == "py":
        return begin(PlainChange(store, home), store, PARTY, of, LOCK, records)  # type: ignore[arg-type]
    answer = asked("begun", WHO | {"home": home}, plain(of), LOCK, text_lines(map(write_record, records)), store.sent())
    store.take(answer["blocks"])
    return None if answer["bundle"] is None else bundle_of(answer["bundle"])


def continued(side: str, store: Store, bundle: Bundle, records: Iterable[Record], home: str) -> tuple[Bundle, set[str]]:
    """The bundle after an update, and the files that may go."""
    if side == "py":
        change = PlainChange(store, home)
        return bring_up_to_date(change, store, PARTY, bundle, records), set(change.files)  # type: ignore[arg-type]
    lines = text_lines(map(write_record, records))
    answer = asked("broughtUpToDate", WHO | {"home": home}, plain(bundle), lines, store.sent())
    assert not isinstance(answer, str), answer
    store.take(answer["blocks"])
    made = bundle_of(answer["bundle"])
    held = held_in_branches(store, PARTY, made).newest
    assert {one.id: one for one in map(parsed, answer["held"])} == held
    assert set(answer["files"]) == set(files_of(store, PARTY, made))
    return made, set(answer["replaced"])


def parsed(line: str) -> Record:
    return parse_record(line.encode())


def read_here(store: Store, key: BundleKey) -> dict[str, Record]:
    return {one.id: one for one in BundleRecords(key, SIGNER, store.get, Budget())}


def read_there(store: Store, key: BundleKey, older: BundleKey | None = None) -> tuple[dict[str, Record], int]:
    answer = asked("brandReads", plain(key), SIGNER, store.sent(), None if older is None else plain(older))
    assert not isinstance(answer, str), answer
    return {one.id: one for one in map(parsed, answer["alive"])}, answer["fetched"]


def wanted(bundle: Bundle, records: Iterable[Record]) -> dict[str, Record]:
    """What the view shows, without counters."""
    secret = bytes.fromhex(bundle.secret)
    made = [shown(one, bundle.view, secret, 1, CONTROLLER) for one in records]
    return {one.id: one for one in made if one is not None}


def uncounted(found: dict[str, Record]) -> dict[str, Record]:
    return {name: msgspec.structs.replace(one, counter=1) for name, one in found.items()}
