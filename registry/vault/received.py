"""What brands send becomes records here. What the person changed or deleted stays as they left it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import msgspec

from registry.core.scalars import read_address
from registry.core.sealed.origin import Origin
from registry.core.sealed.records import FileRef, Record
from registry.vault.changes import Change
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.draft import Draft, FileSource
from registry.vault.folder import VaultFolder
from registry.vault.importers.base import Refused
from registry.vault.ingest import Making
from registry.vault.large_files import seal_file
from registry.vault.recording import sealed_nowhere

_IDENTITY_BYTES = 16


class Became(StrEnum):
    """What became of a fact that a brand sent.

    ``CONFLICT``: the person had changed the record, and the brand now sends another value. Both are versions, and the
    person's stays the newest. ``DELETED``: the person deleted the record, and it stays deleted.
    """

    NEW = "new"
    UPDATED = "updated"
    KNOWN = "known"
    CONFLICT = "conflict"
    DELETED = "deleted"


class Received(NamedTuple):
    """One fact that was taken: what became of it, its record's id, and where it stood in the mail."""

    became: Became
    record: str
    at: str


class Delivery(NamedTuple):
    """What came of several facts; ``refused`` has those that fit no schema."""

    received: list[Received]
    refused: list[Refused]


def identity_of(origin: Origin) -> bytes:
    """Return what a vault knows a brand's record by, 16 bytes: the same for each value of it."""
    named = b"ConsentRegistry/1/origin" + read_address(origin.controller) + origin.id.encode()
    return sha256(named).digest()[:_IDENTITY_BYTES]


def order_of(issued_at: int, number: int) -> bytes:
    """Return what orders the values of one record, 16 bytes: when the brand sent it (unix seconds), and its number."""
    return issued_at.to_bytes(8) + number.to_bytes(8)


class Mailbag:
    """Takes into a vault what brands sent. Each draft's ``identity`` is `identity_of`, its ``key`` `order_of`."""

    def __init__(
        self,
        folder: VaultFolder,
        making: Callable[[Change | None, Callable[[FileSource], FileRef]], Making],
        put: Callable[[Change, Iterable[tuple[str, Record]]], None],
    ) -> None:
        self._folder, self._making, self._put = folder, making, put

    def take(self, drafts: Iterable[Draft]) -> Delivery:
        """Take these as one change: all of it, durably, or nothing. Return what became of each."""
        with self._folder.change() as change:
            receiving = _Receiving(self._folder.copy(), self._making(change, partial(seal_file, put=change.put)))
            self._put(change, receiving.versions(drafts))
        return receiving.delivery

    def preview(self, drafts: Iterable[Draft]) -> Delivery:
        """Return what `take` would do, without doing it."""
        receiving = _Receiving(self._folder.copy(), self._making(None, sealed_nowhere))
        for _ in receiving.versions(drafts):
            pass
        return receiving.delivery


class _Receiving:
    """Makes versions of drafts whose ``identity`` is `identity_of` and whose ``key`` is `order_of`."""

    def __init__(self, copy: WorkingCopy | None, making: Making) -> None:
        self._copy, self._making = copy, making
        self._withheld = copy.restricted() if copy else frozenset()
        self._new = dict[bytes, list[Record]]()  # what this delivery added, by identity
        self.delivery = Delivery([], [])

    def versions(self, drafts: Iterable[Draft]) -> Iterator[tuple[str, Record]]:
        """Yield each version to add, with its category; what became of each draft stands in ``delivery``."""
        for draft in drafts:
            if faults := self._making.schemas.faults(draft):
                self.delivery.refused.extend(Refused(draft.at, fault.member, fault.why) for fault in faults)
                continue
            became, name, made = self._taken(draft)
            self.delivery.received.append(Received(became, name, draft.at))
            yield from made

    def _taken(self, draft: Draft) -> tuple[Became, str, list[tuple[str, Record]]]:
        thing = draft.identity or b""
        history = self._history(thing)
        if not history:
            made = [self._making.record(draft, self._making.new_id(), 1)]
            return Became.NEW, made[0].id, self._added(thing, draft.category, made)
        newest = history[-1]
        if newest.deleted or newest.id in self._withheld:
            return Became.DELETED, newest.id, []
        became, made = self._later(draft, history)
        # A record stays in the stream that it is in: its category never changes.
        return became, newest.id, self._added(thing, newest.category or draft.category, made)

    def _later(self, draft: Draft, history: list[Record]) -> tuple[Became, list[Record]]:
        newest = history[-1]
        sent = next(one for one in history if one.key == newest.key)  # the brand's last value: edits keep its key
        if draft.key <= bytes.fromhex((newest.key or "")[2 * _IDENTITY_BYTES :]):
            return Became.KNOWN, []
        made = self._making.record(draft, newest.id, newest.counter + 1)
        made = msgspec.structs.replace(made, tags=newest.tags)
        # An undated record has the time of its making, which says nothing.
        values = [_content(one, has_time=draft.time is not None) for one in (sent, newest, made)]
        if values[2] == values[0]:
            return Became.KNOWN, []
        if values[1] in (values[0], values[2]):
            return Became.UPDATED, [made]
        kept = msgspec.structs.replace(newest, counter=made.counter + 1, home=made.home, key=made.key)
        return Became.CONFLICT, [made, kept]

    def _history(self, thing: bytes) -> list[Record]:
        if thing in self._new:
            return self._new[thing]
        known = self._copy.known([thing]) if self._copy else {}
        return self._copy.history(known[thing]) if self._copy and thing in known else []

    def _added(self, thing: bytes, category: str, made: list[Record]) -> list[tuple[str, Record]]:
        if made:
            self._new[thing] = [*self._history(thing), *made]
        return [(category, one) for one in made]


def _content(record: Record, *, has_time: bool) -> tuple[object, ...]:
    file = record.file and (record.file.name, record.file.media_type, record.file.sha256)
    return record.schema, record.body, file, record.time if has_time else None
