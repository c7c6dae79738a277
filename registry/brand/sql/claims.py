"""Who answers a request that asks for a single answer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from registry.brand.records import Answer, Asked
from registry.brand.sql.answers import chunks
from registry.brand.sql.tables import requests


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
