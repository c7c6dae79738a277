"""All that a service's database holds, table by table, for tests that look for what must not be there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

_LONGEST_HASH = 65


def rows_of(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each value of each row of a SQLite file, which may lie in pieces in the file, and the file itself."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            for row in connection.execute(f'select * from "{name}"'):
                yield f"{file.name}, {name}", b"\n".join(_raw(value) for value in row)
    yield from ((each.name, each.read_bytes()) for each in sorted(file.parent.glob(f"{file.name}*")))


def _raw(value: Any) -> bytes:
    if not isinstance(value, bytes):
        return str(value).encode()
    # A hash is shown as PostgreSQL's dump shows it too, so that the two databases can be compared.
    return value if len(value) > _LONGEST_HASH else value + b"\n\\\\x" + value.hex().encode()


def tables_of(url: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and all rows of each table of a PostgreSQL database, as its own dump has them."""
    with psycopg.connect(url) as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (name,) in found:
            with connection.cursor().copy(f'copy "{name}" to stdout') as rows:
                yield name, b"".join(bytes(row) for row in rows)
