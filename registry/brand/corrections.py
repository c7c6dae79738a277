"""Read what people changed of the records that the brand sent them. It is a reading of data as any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.brand.changes import Changed, SentRecord, changes_of, sent_records
from registry.brand.custody import required
from registry.brand.reading import Part, Reader, Wanted
from registry.brand.records import Answer
from registry.brand.uses import note_uses
from registry.core import codec
from registry.core.scalars import to_hex
from registry.core.sealed.mail import open_content, parse_content


class Corrections(Reader):
    """Compares for the brand's own systems."""

    def changes(self, wanted: Wanted) -> Iterator[bytes]:
        """Return a line of JSON for each record that differs. The use was noted when this returns.

        The errors are those of `Reader.records`.
        """
        parts = self._opened(wanted, self._allowed(wanted))
        found = [(part, self._changes(part)) for part in parts]
        note_uses(self._store, [self._use(wanted, part, len(some)) for part, some in found])
        self._still(wanted, parts)
        lines = (self._line(part, each) for part, some in found for each in some)
        return self._while_allowed(lines, wanted, parts)

    def _changes(self, part: Part) -> list[Changed]:
        held = ((bundle.key.view, record) for bundle in part.bundles for record in bundle.versions())
        return changes_of(self._sent(part.answer), held)

    def _sent(self, answer: Answer) -> dict[str, SentRecord]:
        identity = required(self._desk.custody).identity
        letters = (each for each in self._store.sent(answer.id) if each.draft)
        opened = ((each, parse_content(open_content(each.draft, identity))) for each in letters)
        return sent_records((each.number, each.issued_at, content) for each, content in opened)

    def _line(self, part: Part, each: Changed) -> bytes:
        holding = self._store.holding(part.answer.id)
        told: dict[str, Any] = {
            "grant": to_hex(part.answer.digest),
            "id": each.id,
            "category": each.category,
            "version": each.version,
            "old": each.old,
            "new": each.new,
            "removed": each.removed,
            "sent": {"number": each.sent.number, "at": each.sent.sent_at},
            "takenAt": holding.changed_at if holding else 0,
        }
        return codec.encode(told) + b"\n"
