"""Turns a draft that was checked into the first version of a record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec

from registry.core.instants import utc_text
from registry.core.sealed.records import FileRef, Record
from registry.vault.draft import Draft, FileSource
from registry.vault.schemas.schema import Schema

_ENCODE = msgspec.json.Encoder().encode


def record_of(draft: Draft, schema: Schema, name: str, home: str, now: int, counter: int = 1) -> Record:
    """Return the record that ``home`` (16 hex digits) writes of a draft that `Schemas.check` took.

    ``name`` is its id: a new one of `RecordIds`, or for an edit the record's own with the next ``counter``. ``now``
    (microseconds from 1970) dates a record of an undated schema. Tags are sorted here, each once.
    """
    assert not isinstance(draft.file, FileSource), "seal it first"
    dated = schema.time_in(draft.body or {}) if draft.time is None else None
    return Record(
        id=name,
        counter=counter,
        home=home,
        category=draft.category,
        schema=draft.schema,
        time=draft.time or (dated[1] if dated else utc_text(now)),
        source=draft.source,
        tags=tuple(sorted(set(draft.tags))) if draft.tags else (),
        body=draft.body or None,
        file=draft.file,
        key=key_of(draft),
        origin=draft.origin,
    )


def key_of(draft: Draft) -> str | None:
    """Return what recognises the draft: 16 bytes of its identity, if it has one, and of its key, as hex; or None."""
    return ((draft.identity or b"")[:16] + draft.key[:16]).hex() or None


def draft_of(record: Record) -> Draft:
    """Return the draft of a version, for an edit of it."""
    names = ("time", "source", "tags", "body", "file", "origin")
    members: Mapping[str, Any] = {name: getattr(record, name) for name in names}
    return Draft(record.category or "", record.schema or "", **members)


def tombstone_of(record: Record, home: str) -> Record:
    """Return the version by which ``home`` deletes a record of which this is the newest one."""
    return Record(id=record.id, counter=record.counter + 1, home=home, key=record.key, deleted=True)


def of_category(versions: Iterable[Record], category: str | None) -> Iterator[Record]:
    """Yield the records of this category with their tombstones, which do not name it; all of them for None."""
    for _, group in groupby(versions, key=lambda one: one.id):
        record = list(group)
        if category is None or any(one.category == category for one in record):
            yield from record


def sealed_nowhere(source: FileSource) -> FileRef:
    """What stands for a file that is not sealed in a preview."""
    empty = hashlib.sha256(b"").hexdigest()
    return FileRef(source.name, source.media_type, 0, empty, data="")


def weight_of(record: Record) -> int:
    """Return about how many bytes a version has."""
    file = len(record.file.data or "") if record.file else 0
    return file + len(_ENCODE(record.body))
