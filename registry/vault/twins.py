"""Records that stand twice, because two devices imported one file before they knew of each other.

Both have the key of one fact (`registry.vault.importers.keys`). A merge takes over both, and deletes nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from registry.core.sealed.records import Record
from registry.vault.copy.working_copy import WorkingCopy


class Twins(NamedTuple):
    """Records of one fact, by their ids. Of what is in ``same``, the one that ``stays`` has everything.

    Those in ``other`` were edited apart, so only the person knows which is right.
    """

    stays: str
    same: tuple[str, ...]
    other: tuple[str, ...]


def find_twins(copy: WorkingCopy) -> list[Twins]:
    """Return all records of which another one is known to be the same fact, without withheld and deleted ones."""
    withheld, found = copy.restricted(), dict[tuple[str, ...], Twins]()
    for ids in copy.twin_ids():
        histories = [copy.history(one) for one in ids if one not in withheld]
        alive = [one for one in histories if one and not one[-1].deleted]
        names = tuple(one[-1].id for one in alive)
        if len(alive) > 1 and names not in found:
            found[names] = _twins(alive)
    return list(found.values())


def _twins(histories: Iterable[list[Record]]) -> Twins:
    # An edit must stay; of equal ones the older record does, in every home.
    stays, *others = sorted(histories, key=lambda one: (-len(one), one[-1].id))
    known = [_content(one) for one in stays]
    same = [one[-1].id for one in others if len(one) == 1 and _content(one[-1]) in known]
    left = [one[-1].id for one in others if one[-1].id not in same]
    return Twins(stays[-1].id, tuple(same), tuple(left))


def _content(record: Record) -> Any:
    file = record.file and (record.file.name, record.file.media_type, record.file.bytes, record.file.sha256)
    return record.category, record.schema, record.time, record.source, record.tags, record.body, file
