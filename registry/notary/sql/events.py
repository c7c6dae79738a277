"""The events of the registry's log, and small notes of the workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select

from registry.db.engine import retrying, writing
from registry.db.part import StorePart
from registry.notary.records import Event, EventKind
from registry.notary.sql.tables import events as table
from registry.notary.sql.tables import notes


class EventTables(StorePart):
    """The part of the chain book that keeps events and notes."""

    def add_events(self, events: Sequence[Event]) -> None:
        """See `ChainBook`."""
        retrying(self._engine, lambda: self._add_events(events))

    def _add_events(self, events: Sequence[Event]) -> None:
        with writing(self._engine) as connection:
            for each in events:
                newest = connection.execute(_newest_of(each.word, each.manifest)).first()
                stands = newest is not None and newest.kind != EventKind.REMOVED
                if stands == (each.kind is EventKind.REMOVED):
                    connection.execute(insert(table).values(_values(each)))

    def events_after(self, id: int, limit: int = 1_000) -> list[Event]:
        """See `ChainBook`."""
        query = select(table).where(table.c.id > id).order_by(table.c.id).limit(limit)
        return [_event(row) for row in self._rows(query)]

    def event_of(self, word: bytes, manifest: bytes = b"") -> Event | None:
        """See `ChainBook`."""
        found = self._rows(_newest_of(word, manifest))
        return None if not found or found[0].kind == EventKind.REMOVED else _event(found[0])

    def put_note(self, name: str, value: dict[str, Any]) -> None:
        """See `ChainBook`."""
        retrying(self._engine, lambda: self._put_note(name, json.dumps(value)))

    def _put_note(self, name: str, value: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(notes).where(notes.c.name == name))
            connection.execute(insert(notes).values(name=name, value=value))

    def notes(self) -> dict[str, dict[str, Any]]:
        """See `ChainBook`."""
        return {row.name: json.loads(row.value) for row in self._rows(select(notes))}


def _newest_of(word: bytes, manifest: bytes) -> Select[Any]:
    same = table.c.word == word, table.c.manifest == manifest
    return select(table).where(*same).order_by(table.c.id.desc()).limit(1)


def _event(row: Row[Any]) -> Event:
    return Event(row.id, EventKind(row.kind), row.word, row.manifest, row.block, row.time)


def _values(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event._asdict().items() if name != "id"}
