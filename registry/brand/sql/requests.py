"""The requests that the brand published."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, select, update

from registry.brand.records import Asked
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import requests as table
from registry.db.engine import retrying, writing
from registry.db.part import StorePart
from registry.db.statements import InsertNew

_insert = InsertNew(table)


class RequestTable(StorePart):
    """The part of the store that keeps requests."""

    def publish(self, asked: Asked) -> None:
        """Keep a request durably; one that is kept already stays as it is."""
        retrying(self._engine, lambda: self._publish(asked))

    def _publish(self, asked: Asked) -> None:
        with writing(self._engine) as connection:
            _insert(connection, asked._asdict())

    def asked(self, digest: bytes) -> Asked | None:
        """Return the request with this digest (32 bytes)."""
        rows = self._rows(select(table).where(table.c.digest == digest))
        return _asked(rows[0]) if rows else None

    def notices_of(self, digests: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the notice (its SHA-256) of each published request among these digests, withdrawn ones too."""
        columns = table.c.digest, table.c.notice
        queries = (select(*columns).where(table.c.digest.in_(part)) for part in chunks(digests))
        return {row.digest: row.notice for query in queries for row in self._rows(query)}

    def own_notices(self, notices: Collection[bytes]) -> set[bytes]:
        """Return those of these notices (their SHA-256) by which the brand has published a request."""
        queries = (select(table.c.notice).where(table.c.notice.in_(part)).distinct() for part in chunks(notices))
        return {row.notice for query in queries for row in self._rows(query)}

    def all_asked(self, limit: int = 1_000) -> list[Asked]:
        """Return the requests, the newest first."""
        query = select(table).order_by(table.c.created_at.desc(), table.c.digest).limit(limit)
        return [_asked(row) for row in self._rows(query)]

    def withdraw(self, digest: bytes, now: int) -> bool:
        """Withdraw a request at ``now`` (unix seconds); False for an unknown one. A second time changes nothing."""
        self._change(update(table).where(table.c.digest == digest, table.c.withdrawn_at == 0).values(withdrawn_at=now))
        return self.asked(digest) is not None


def _asked(row: Row[Any]) -> Asked:
    return Asked(**row._mapping)
