"""Erase records from a working copy, some at a time, and withhold others from all that is searched.

What is to be erased is noted first, in the table ``gone``: a process that dies meanwhile leaves it to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from registry.core.sealed.records import Record
from registry.vault.copy.facets import Facets
from registry.vault.copy.store import FactsOf, id_bytes, index_versions, newest_of, withdraw

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

# More in one transaction would only take memory.
AT_ONCE = 2_000
_DECODE = msgspec.json.Decoder(Record).decode
_OLD = "DELETE FROM versions WHERE id = ? AND json_extract(line, '$.deleted') IS NULL"


def note_gone(db: Connection, ids: Iterable[str]) -> int:
    """Note records to be erased; return how many of them the copy has."""
    before = db.total_changes
    is_there = "INSERT OR IGNORE INTO gone SELECT id FROM versions WHERE id = ? LIMIT 1"
    db.executemany(is_there, ((id_bytes(id_),) for id_ in ids))
    noted: int = db.total_changes - before
    return noted


def erase_some(db: Connection) -> bool:
    """Delete all versions, words and keys of some noted records; False where none was left.

    The fields that no record has any more go with the last ones.
    """
    keys = db.execute("SELECT id FROM gone LIMIT ?", (AT_ONCE,)).fetchall()
    if not keys:
        Facets(db).forget_unused()
        return False
    withdraw(db, [known for (id_,) in keys if (known := newest_of(db, id_))])
    for statement in (
        "DELETE FROM versions WHERE id = ?",
        "DELETE FROM keys WHERE id = ?",
        "DELETE FROM restricted WHERE id = ?",
        "DELETE FROM gone WHERE id = ?",
    ):
        db.executemany(statement, keys)
    return True


def erase_content(db: Connection, ids: Iterable[str]) -> int:
    """Delete all versions of these deleted records but their tombstones; return how many."""
    before = db.total_changes
    db.executemany(_OLD, ((id_bytes(id_),) for id_ in ids))
    gone: int = db.total_changes - before
    return gone


def restrict(db: Connection, ids: Iterable[str], facts_of: FactsOf) -> None:
    """Withhold exactly these records from what is searched. As history they stay."""
    had = {id_ for (id_,) in db.execute("SELECT id FROM restricted")}
    wanted = {id_bytes(id_) for id_ in ids}
    new, free = sorted(wanted - had), sorted(had - wanted)
    withdraw(db, [known for id_ in new if (known := newest_of(db, id_))])
    db.executemany("INSERT INTO restricted VALUES (?)", ((id_,) for id_ in new))
    db.executemany("DELETE FROM restricted WHERE id = ?", ((id_,) for id_ in free))
    shown = [(known.v, _record(db, known.v)) for id_ in free if (known := newest_of(db, id_))]
    places = index_versions(db, [(v, record) for v, record in shown if not record.deleted], facts_of)
    db.executemany("UPDATE versions SET n = ? WHERE v = ?", ((n, v) for v, n in places.items()))


def _record(db: Connection, v: int) -> Record:
    return _DECODE(db.execute("SELECT line FROM versions WHERE v = ?", (v,)).fetchone()[0])
