"""Put versions of records into a working copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from registry.core.errors import InvalidInput
from registry.core.sealed.records import Record
from registry.vault.copy.facets import Facets, mark, step_of
from registry.vault.copy.folding import indexed
from registry.vault.copy.tables import MICROSECONDS, PLACES, first_place
from registry.vault.schemas.schema import Facts

if TYPE_CHECKING:
    from sqlcipher3.dbapi2 import Connection

_ID_BYTES = 16
_ENCODE = msgspec.json.Encoder().encode
_NEWEST = "SELECT counter, home, v, n FROM versions WHERE id = ? ORDER BY counter DESC, home DESC LIMIT 1"
_TOP = "SELECT max(n) FROM records WHERE n BETWEEN ? AND ?"


FactsOf = Callable[[Record], Facts]


class Line(NamedTuple):
    """A version and its encoding."""

    record: Record
    text: str


_Key = tuple[bytes, int, bytes]  # id, counter, home: of one id, the larger is the newer


class Known(NamedTuple):
    """The newest version of a record in the copy; ``n`` is None for a tombstone."""

    key: _Key
    v: int
    n: int | None


def line_of(record: Record) -> Line:
    """Encode a version as the copy keeps it."""
    return Line(record, _ENCODE(record).decode())


def put_versions(db: Connection, lines: Sequence[Line], facts_of: FactsOf) -> int:
    """Put versions in any order, within a transaction; return how many were new."""
    first = db.execute("SELECT coalesce(max(v), 0) + 1 FROM versions").fetchone()[0]
    last_id = db.execute("SELECT max(id) FROM versions").fetchone()[0]
    keys = [_key(line.record) for line in lines]
    # Ids of imported records begin with the time, so most of them are larger than all before.
    before = {id_: newest_of(db, id_) for id_ in {id_ for id_, *_ in keys if last_id and id_ <= last_id}}
    newest = {known.key[0]: known.key for known in before.values() if known}
    new = dict[bytes, tuple[int, Record]]()
    for v, (key, line) in enumerate(zip(keys, lines, strict=True), first):
        if (known := newest.get(key[0])) is None or known < key:
            newest[key[0]] = key
            new[key[0]] = (v, line.record)
    replaced = [known for id_, known in before.items() if known and id_ in new]
    withdraw(db, replaced)
    _put_keys(db, replaced, [record for _, record in new.values()])
    hidden = {id_ for (id_,) in db.execute("SELECT id FROM restricted")}
    shown = [version for id_, version in new.items() if not (version[1].deleted or id_ in hidden)]
    places = index_versions(db, shown, facts_of)
    before_all = db.total_changes
    rows = ((v, *key, places.get(v), line.text) for v, (key, line) in enumerate(zip(keys, lines, strict=True), first))
    db.executemany("INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?, ?, ?)", rows)
    added: int = db.total_changes - before_all
    return added


def _put_keys(db: Connection, replaced: Iterable[Known], newest: Iterable[Record]) -> None:
    """Keep the keys of newest versions alone: a thing that was changed back by an import is an edit again."""
    db.executemany("DELETE FROM keys WHERE id = ?", ((known.key[0],) for known in replaced))
    keys = ((bytes.fromhex(key), id_bytes(record.id)) for record in newest for key in _halves(record.key))
    # In order, because each key belongs to another page of a large table.
    db.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?)", sorted(keys))


def _halves(key: str | None) -> Iterable[str]:
    return (key[:32], key[32:]) if key and len(key) == 64 else filter(None, [key])


def id_bytes(id_: str) -> bytes:
    """Return the 16 bytes of a record's id, with hyphens or without; ``InvalidInput`` if it is none."""
    try:
        raw = bytes.fromhex(id_.replace("-", ""))
    except ValueError:
        raw = b""
    if len(raw) != _ID_BYTES:
        raise InvalidInput(f"{id_[:80]!r} is no id of a record")
    return raw


def _key(record: Record) -> _Key:
    return id_bytes(record.id), record.counter, bytes.fromhex(record.home or "")


def newest_of(db: Connection, id_: bytes) -> Known | None:
    """Return the newest version of a record (its 16 bytes), or None for an unknown one."""
    row = db.execute(_NEWEST, (id_,)).fetchone()
    return Known((id_, row[0], row[1]), row[2], row[3]) if row else None


def withdraw(db: Connection, versions: Iterable[Known]) -> None:
    """Take versions out of what is searched; as history they stay."""
    shown = [version for version in versions if version.n is not None]
    db.executemany("UPDATE versions SET n = NULL WHERE v = ?", [(version.v,) for version in shown])
    db.executemany("DELETE FROM records WHERE n = ?", [(version.n,) for version in shown])
    db.executemany("DELETE FROM words WHERE rowid = ?", [(version.n,) for version in shown])


def index_versions(db: Connection, versions: Iterable[tuple[int, Record]], facts_of: FactsOf) -> dict[int, int]:
    """Make versions searchable; return the place of each."""
    marks, places = _Marks(db), _Places(db)
    records, words, taken = list[tuple[Any, ...]](), list[tuple[int, str]](), dict[int, int]()
    for v, record in versions:
        facts = facts_of(record)
        n = taken[v] = places.take(facts.at_us // MICROSECONDS)
        category, schema, source, fields = marks.of_fields(record)
        amount = None if facts.amount is None else float(facts.amount)
        if amount is not None and isfinite(amount):
            fields += marks.of_amount(facts.currency or "", step_of(amount))
        records.append((n, v, category, schema, source, facts.at_us, amount, facts.currency or None))
        words.append((n, indexed(facts.text) + fields))
    # FTS5 writes out its memory whenever a place is smaller than the one before.
    words.sort()
    db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)", records)
    db.executemany("INSERT INTO words (rowid, body) VALUES (?, ?)", words)
    places.note_spill()
    return taken


class _Marks:
    """The marks of fields, which repeat from record to record."""

    def __init__(self, db: Connection) -> None:
        self._facets = Facets(db)
        self._of_fields: dict[tuple[Any, ...], tuple[int, int, int | None, str]] = {}
        self._of_amount: dict[tuple[str, int], str] = {}

    def of_fields(self, record: Record) -> tuple[int, int, int | None, str]:
        """Return the numbers of category, schema and source, and the words for these and the tags."""
        fields = (record.category, record.schema, record.source, record.tags)
        if (found := self._of_fields.get(fields)) is None:
            number = self._facets.number
            category, schema = number("category", record.category or ""), number("schema", record.schema or "")
            source = number("source", record.source) if record.source else None
            numbers = [category, schema, source, *(number("tag", tag) for tag in record.tags)]
            words = "".join(f" {mark(each)}" for each in numbers if each is not None)
            found = self._of_fields[fields] = (category, schema, source, words)
        return found

    def of_amount(self, currency: str, step: int) -> str:
        """Return the word for a range of amounts."""
        if (found := self._of_amount.get((currency, step))) is None:
            found = self._of_amount[currency, step] = " " + mark(self._facets.number("amount", currency, step))
        return found


class _Places:
    """Gives each record a place (``n``) in the second of its event, or in a later one where that is full."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._next: dict[int, int] = {}
        self._goes_on: dict[int, int] = {}
        self._spill = 0

    def take(self, second: int) -> int:
        at = self._goes_on.get(second, second)
        if self._is_full(at):
            at = self._goes_on[second] = self._first_free_after(at)
            self._spill = max(self._spill, at - second)
        place = self._free(at)
        self._next[at] = place + 1
        return place

    def _first_free_after(self, full: int) -> int:
        # Days have no time, so very many records may share a day's first second, and fill those after it.
        step = 1
        while self._is_full(full + step):
            step *= 2
        free = full + step
        while free - full > 1:
            middle = (full + free) // 2
            full, free = (middle, free) if self._is_full(middle) else (full, middle)
        return free

    def _is_full(self, second: int) -> bool:
        return self._free(second) >= first_place(second) + PLACES

    def note_spill(self) -> None:
        """Remember how far records lie behind their second, so that searches look there too."""
        update = "UPDATE meta SET value = ? WHERE name = 'spill' AND CAST(value AS INTEGER) < ?"
        self._db.execute(update, (str(self._spill), self._spill))

    def _free(self, second: int) -> int:
        """Return the place after those that are taken; of a full second, the first of the next one."""
        if (place := self._next.get(second)) is None:
            first = first_place(second)
            top = self._db.execute(_TOP, (first, first + PLACES - 1)).fetchone()[0]
            place = self._next[second] = first if top is None else top + 1
        return place
