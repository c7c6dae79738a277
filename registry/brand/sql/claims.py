"""Who answers a request that asks for a single answer, and which answers were erased."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, update

from registry.brand.erased import mark_of
from registry.brand.records import Answer, Asked
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import erased, requests


def single_requests(connection: Connection, new: Sequence[Answer]) -> dict[bytes, Asked]:
    """Return the requests that these answer and that ask for a single answer, by digest."""
    wanted = {each.request for each in new if any(each.request)}
    rows = (
        row
        for part in chunks(wanted)
        for row in connection.execute(select(requests).where(requests.c.digest.in_(part), requests.c.single))
    )
    return {row.digest: Asked(**row._mapping) for row in rows}


def claims(connection: Connection, new: Answer, singles: dict[bytes, Asked]) -> bool:
    """Mark the request that it answers, if the brand published one for a single answer; False where that is taken."""
    asked = singles.get(new.request)
    if asked is None:
        return True
    if not asked.answered_by:
        singles[new.request] = asked._replace(answered_by=new.subject)
        connection.execute(update(requests).where(requests.c.digest == new.request).values(answered_by=new.subject))
        return True
    return asked.answered_by == new.subject


def erased_among(connection: Connection, digests: Collection[bytes]) -> set[bytes]:
    """Return those of these digests whose answers the brand has erased."""
    marks = {mark_of(digest): digest for digest in digests}
    rows = (
        row
        for part in chunks(marks)
        for row in connection.execute(select(erased.c.mark).where(erased.c.mark.in_(part)))
    )
    return {marks[row.mark] for row in rows}
