"""An import as one change: what is new becomes records, what changed becomes versions, what is known is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from registry.core.sealed.records import FileRef, Record
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.draft import Draft, FileSource
from registry.vault.importers.base import GivenSchema, Item, Refused, Restored, Told
from registry.vault.importers.report import Report, State, classify
from registry.vault.schemas.schemas import Schemas

_SHOWN = 20
_KEY_BYTES = 16


class Making(NamedTuple):
    """How drafts become records here. ``record`` makes one of a draft, an id and a counter; ``seal`` seals a file.

    An import adds the schemas that it brings to ``schemas``.
    """

    schemas: Schemas
    new_id: Callable[[], str]
    record: Callable[[Draft, str, int], Record]
    seal: Callable[[FileSource], FileRef]


class Ingest:
    """Yields what an import adds, with its category, and counts in ``report``. ``on_refused`` gets every refusal."""

    def __init__(
        self,
        copy: WorkingCopy | None,
        making: Making,
        on_refused: Callable[[Refused], object] = lambda _: None,
        is_shredded: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._copy, self._making, self._on_refused, self._is_shredded = copy, making, on_refused, is_shredded
        self._things = dict[bytes, tuple[str, int]]()  # what this import added or changed: id and counter
        self._last = ("", "")  # id and category of the version of an export that came last
        self.report, self.has_new_schemas = Report(), False

    def records(self, items: Iterable[Item]) -> Iterator[tuple[str, Record]]:
        """Yield each version to add, in the order of the items."""
        for item, state in classify(items, self._known):
            if isinstance(item, Refused):
                self._refuse(item)
            elif isinstance(item, GivenSchema):
                self.has_new_schemas |= self._making.schemas.join(item.raw)
            elif isinstance(item, Told):
                self.report.told += [item.text] if len(self.report.told) < _SHOWN else []
            else:
                yield from self._fact(item, state or State.KNOWN)

    def _fact(self, item: Draft | Restored, state: State) -> Iterator[tuple[str, Record]]:
        if isinstance(item, Restored):
            made, state = self._restored(item), State.NEW
        else:
            if state is not State.KNOWN and (faults := self._making.schemas.faults(item)):
                for fault in faults:
                    self._refuse(Refused(item.at, fault.member, fault.why))
                return
            made = None if state is State.KNOWN else self._made(item, state)
        fact = item.record if isinstance(item, Restored) else item
        self.report.states[state if made else State.KNOWN] += 1
        self.report.records[fact.schema or "deleted", fact.category or ""] += 1
        if made:
            yield made

    def _made(self, draft: Draft, state: State) -> tuple[str, Record] | None:
        """Return the version that a draft becomes; None for what the person deleted: no import brings it back."""
        name, counter, category = self._making.new_id(), 1, draft.category
        thing = (draft.identity or b"")[:_KEY_BYTES]
        if state is State.EDITED:
            name, counter, category, is_deleted = self._edited(thing, draft.category)
            if is_deleted:
                return None
        made = self._making.record(draft, name, counter)
        if thing:
            self._things[thing] = (name, counter)
        return category, made

    def _edited(self, thing: bytes, category: str) -> tuple[str, int, str, bool]:
        if thing in self._things:
            name, counter = self._things[thing]
            return name, counter + 1, category, False
        assert self._copy is not None
        newest = self._copy.newest(self._copy.known([thing])[thing])
        assert newest is not None
        # A record stays in the stream that it is in: its category never changes.
        return newest.id, newest.counter + 1, newest.category or category, newest.deleted

    def _restored(self, item: Restored) -> tuple[str, Record] | None:
        """Return a version of an export as it was; None where the vault has it, or where its record was shredded."""
        record = item.record
        known = self._copy.history(record.id) if self._copy else []
        # A tombstone does not name its category. It stands right behind the versions of its record.
        name, category = self._last
        self._last = (record.id, record.category or (category if name == record.id else ""))
        if self._is_shredded(record.id) or any(one.version == record.version for one in known):
            return None
        if item.file is not None:
            record = msgspec.structs.replace(record, body=record.body or None, file=self._making.seal(item.file))
        return self._last[1] or next((one.category for one in known if one.category), ""), record

    def _refuse(self, refused: Refused) -> None:
        self.report.refused += 1
        self.report.first_refused += [refused] if len(self.report.first_refused) < _SHOWN else []
        self._on_refused(refused)

    def _known(self, keys: list[bytes]) -> set[bytes]:
        """Return those of the keys (32 bytes) of which a record holds the beginning."""
        found = self._copy.known({key[:_KEY_BYTES] for key in keys}) if self._copy else {}
        return {key for key in keys if key[:_KEY_BYTES] in found}
