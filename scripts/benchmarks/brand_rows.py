"""A million stored consents: rows as the brand's service writes them, put straight into its tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, LargeBinary, Text, select, update

from registry.brand.sql.tables import answers, pairs, progress
from registry.brand.store import FILE, open_store
from registry.core.crypto.keccak import keccak256
from registry.db.engine import driver_of, open_engine, reading, writing

PURPOSE, DATA = "dpv:Personalisation", ("pd:EmailAddress", "pd:Purchase")
DAY, _PART = 86_400, 10_000
# What has not happened to a consent.
_EMPTY: dict[type, Any] = {LargeBinary: b"", Text: "", BigInteger: 0}
_COLUMNS = tuple(column.name for column in answers.columns)
_PAIR_COLUMNS = tuple(column.name for column in pairs.columns)
# They are made again afterwards, which is faster than to keep them up to date.
_INDEXES = [index for table in (answers, pairs) for index in table.indexes]


class Opening(NamedTuple):
    """Secret and tag that end a grant, and the grant's lock and handle."""

    secret: bytes
    tag: bytes
    lock: bytes
    handle: bytes


def an_opening(number: int, kind: str) -> Opening:
    """Return an opening, another one for each number and kind."""
    secret, tag = (keccak256(f"{kind} {what} {number}".encode()) for what in ("secret", "tag"))
    lock = keccak256(secret)
    return Opening(secret, tag, lock, keccak256(lock + tag))


def fill(folder: Path, database: str, controller: bytes, now: int, count: int, openings: Sequence[Opening]) -> None:
    """Keep so many live grants of as many people; ``openings`` end the first ones. Their files are left out."""
    open_store(folder, database)
    with writing(open_engine(database or folder / FILE)) as connection:
        for index in _INDEXES:
            index.drop(connection)
        keep = _into_server if database else _into_file
        for first in range(1, count + 1, _PART):
            keep(connection, list(_rows(first, min(_PART, count + 1 - first), controller, now, openings)))
        for index in _INDEXES:
            index.create(connection)
        connection.execute(update(progress).values(last_answer=count))
    with open_engine(database or folder / FILE).connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def people(folder: Path, database: str, ids: Sequence[int]) -> list[bytes]:
    """Return the accounts of those who gave these grants."""
    with reading(open_engine(database or folder / FILE)) as connection:
        asked = [select(answers.c.subject).where(answers.c.id == id) for id in ids]
        return [bytes(connection.execute(each).scalar_one()) for each in asked]


def _rows(
    first: int, count: int, controller: bytes, now: int, openings: Sequence[Opening]
) -> Iterator[tuple[Any, ...]]:
    drawn = os.urandom(count * 192)
    for place in range(count):
        at, id = place * 192, first + place
        words = [drawn[at + 32 * n : at + 32 * n + 32] for n in range(6)]
        opening = openings[id - 1] if id <= len(openings) else None
        lock, handle = (opening.lock, opening.handle) if opening else (words[3], words[4])
        values = {
            "id": id,
            "kind": "Grant",
            "digest": words[0],
            "capability": words[1][:16],
            "commitment": words[2],
            "subject": words[5][:20],
            "controller": controller,
            "request": bytes(32),
            "supersedes": bytes(32),
            "purposes": PURPOSE,
            "data": "\n".join(DATA),
            "issued_at": now - 30 * DAY + id % DAY,
            "not_before": now - 30 * DAY,
            "expires_at": now + 300 * DAY + id % DAY,
            "lock": lock,
            "handle": handle,
            "received_at": now - 29 * DAY,
            "state": "live",
            "anchored_at": now - 29 * DAY,
            "seen_block": 1,
            "accepted_at": now - 29 * DAY,
        }
        yield tuple(values.get(column.name, _EMPTY[type(column.type)]) for column in answers.columns)


def _pairs(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    place = _COLUMNS.index("subject")
    return ((row[place], PURPOSE, datum, row[0]) for row in rows for datum in DATA)


def _into_file(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    driver = driver_of(connection)
    driver.execute("PRAGMA cache_size = -1000000")
    driver.executemany(f"INSERT INTO answers VALUES ({','.join('?' * len(_COLUMNS))})", rows)  # noqa: S608 - no input
    driver.executemany("INSERT INTO pairs VALUES (?,?,?,?)", _pairs(rows))


def _into_server(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    with driver_of(connection).cursor() as cursor:
        for table, names, found in (("answers", _COLUMNS, rows), ("pairs", _PAIR_COLUMNS, _pairs(rows))):
            with cursor.copy(f"COPY {table} ({','.join(names)}) FROM STDIN") as copy:
                for row in found:
                    copy.write_row(row)
