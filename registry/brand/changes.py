"""What people changed of the records that the brand sent them: the brand's value beside theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from registry.core.sealed.bundles import View
from registry.core.sealed.mail import MailContent
from registry.core.sealed.records import Record


class SentRecord(NamedTuple):
    """The newest value of a record that the brand sent, with the number of its message and its time (unix seconds)."""

    category: str
    schema: str
    body: dict[str, Any]
    number: int
    sent_at: int


class Changed(NamedTuple):
    """A record that differs at the person. ``id`` is the brand's own name for it.

    ``old`` and ``new`` hold the members that differ; one that a side lacks is left out there. ``removed``: the person
    took the record back, and ``new`` is empty. ``version`` is its version in what was handed over.
    """

    id: str
    category: str
    old: dict[str, Any]
    new: dict[str, Any]
    version: int
    sent: SentRecord
    removed: bool = False


def sent_records(sent: Iterable[tuple[int, int, MailContent]]) -> dict[str, SentRecord]:
    """Return the newest value of each record, by the brand's id, of messages (number, time, content) in their order."""
    found = dict[str, SentRecord]()
    for number, time, content in sent:
        for record in content.records:
            found[record.id] = SentRecord(record.category, record.schema, record.body, number, time)
    return found


def changes_of(sent: dict[str, SentRecord], held: Iterable[tuple[View, Record]]) -> list[Changed]:
    """Compare what was sent with all versions of records that a grant hands over, each with its bundle's view.

    Only members that a view shows are compared: of others the brand learns nothing. Additions are no changes; they
    are among what the grant hands over, without an origin.
    """
    newest, origins, views = dict[str, Record](), dict[str, str](), dict[str, View]()
    for view, record in held:
        if record.origin is not None:
            origins[record.id] = record.origin.id
            views[record.id] = view
        if record.id not in newest or newest[record.id].counter < record.counter:
            newest[record.id] = record
    found = (
        _changed(sent[origin], origin, newest[name], views[name]) for name, origin in origins.items() if origin in sent
    )
    return sorted((each for each in found if each is not None), key=lambda each: each.id)


def _changed(sent: SentRecord, origin: str, record: Record, view: View) -> Changed | None:
    if record.deleted:
        return Changed(origin, sent.category, _shown(sent.body, view), {}, record.counter, sent, removed=True)
    old, new = _shown(sent.body, view), record.body or {}
    names = [name for name in {**old, **new} if (name in old, old.get(name)) != (name in new, new.get(name))]
    if not names:
        return None
    old, new = ({name: side[name] for name in names if name in side} for side in (old, new))
    return Changed(origin, sent.category, old, new, record.counter, sent)


def _shown(body: dict[str, Any], view: View) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name in view.members}
