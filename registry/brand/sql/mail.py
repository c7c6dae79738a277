"""What the brand sends back to people: queued, then signed and sealed by the worker, fetched by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update

from registry.brand.records import OVER, Answer, Letter, State
from registry.brand.sql.answers import answer_of, chunks
from registry.brand.sql.changes import ChangingTables, Locked
from registry.brand.sql.mail_files import use_files
from registry.brand.sql.tables import READABLE, UNSENT, answers
from registry.brand.sql.tables import messages as table
from registry.db.engine import retrying, writing
from registry.db.statements import InsertNew

_insert = InsertNew(table)
_SMALL = tuple(table.c[name] for name in ("id", "answer", "content", "number", "issued_at", "queued_at", "why"))


class Sealed(NamedTuple):
    """A message as the person fetches it."""

    number: int
    sealed: bytes


class MailTable(ChangingTables):
    """The part of the store that keeps messages."""

    def live_grants(self, subject: bytes) -> list[Answer]:
        """Return the live grants of a person (20 bytes), the newest first, without their files."""
        same = answers.c.subject == subject, answers.c.kind == "Grant", answers.c.state == State.LIVE
        rows = self._rows(select(answers).where(*same).order_by(answers.c.issued_at.desc(), answers.c.id.desc()))
        return [answer_of(row) for row in rows]

    def queue(self, answer: int, content: bytes, draft: bytes, now: int, tags: Sequence[bytes] = ()) -> Letter | None:
        """Keep a message durably until it is signed; return how it is kept. The same content again is the same one.

        One that was given up is queued anew. ``tags`` are those of its files; None where one of these is gone.
        """
        return retrying(self._engine, lambda: self._queue(answer, content, draft, now, tags))

    def _queue(self, answer: int, content: bytes, draft: bytes, now: int, tags: Sequence[bytes]) -> Letter | None:
        same = table.c.answer == answer, table.c.content == content
        new = {"answer": answer, "content": content, "draft": draft, "sealed": b"", "queued_at": now}
        with writing(self._engine) as connection:
            if tags and not use_files(connection, answer, tags):
                return None
            _insert(connection, new | {"number": 0, "issued_at": 0, "why": ""})
            connection.execute(update(table).where(*same, table.c.why != "").values(why="", draft=draft))
            (row,) = connection.execute(select(*_SMALL).where(*same)).all()
        return Letter(**row._mapping)

    def unsent(self, after: int, limit: int) -> list[Letter]:
        """Return messages that are to be signed, with larger ids than ``after``, in their order, with their drafts."""
        query = select(*_SMALL, table.c.draft).where(UNSENT, table.c.id > after).order_by(table.c.id).limit(limit)
        return [Letter(**row._mapping) for row in self._rows(query)]

    def last_sent(self, answer: int) -> Letter | None:
        """Return the message of a grant with the largest number."""
        query = select(*_SMALL).where(table.c.answer == answer, table.c.number > 0)
        rows = self._rows(query.order_by(table.c.number.desc()).limit(1))
        return Letter(**rows[0]._mapping) if rows else None

    def keep_sealed(self, letter: Letter, sealed: bytes) -> bool:
        """Keep a message with its number as it was signed and sealed; from then on the person can fetch it.

        False where its grant is not live any more, or where another worker was faster: a number never stands for two.
        """
        return self._alone(lambda locked: _keep_sealed(locked, letter, sealed))

    def give_up(self, id: int, why: str) -> None:
        """Note that this message is never sent, and forget what it says."""
        self._change(update(table).where(table.c.id == id, table.c.number == 0).values(why=why, draft=b""))

    def sealed_after(self, answer: int, number: int, limit: int) -> list[Sealed]:
        """Return messages of a grant with larger numbers, in order."""
        query = select(table.c.number, table.c.sealed).where(table.c.answer == answer, table.c.number > number)
        return [Sealed(*row) for row in self._rows(query.order_by(table.c.number).limit(limit))]

    def sent(self, answer: int) -> Iterator[Letter]:
        """Yield what was sent to a grant, in order, with what it says while that is kept."""
        query = select(*_SMALL, table.c.draft).where(table.c.answer == answer, table.c.number > 0)
        yield from (Letter(**row._mapping) for row in self._rows(query.order_by(table.c.number)))

    def forget_mail(self, block: int, time: int) -> None:
        """Forget what was said to grants that expired, or ended up to this block: nobody can read it here any more.

        Sealed messages stay for people to fetch. Those of grants that ended before ``time`` (unix seconds) go too.
        """
        over = table.join(answers, answers.c.id == table.c.answer), answers.c.state.in_(OVER)
        # Read first: most of the time there is nothing, and on SQLite a change keeps all others waiting.
        for part in chunks(self._answers(*over, READABLE, answers.c.ended_block <= block)):
            self._change(update(table).where(table.c.answer.in_(part)).values(draft=b""))
        for part in chunks(self._answers(*over, answers.c.ended_at < time)):
            self._change(delete(table).where(table.c.answer.in_(part)))

    def _answers(self, joined: Any, *conditions: Any) -> list[int]:
        rows = self._rows(select(table.c.answer).select_from(joined).where(*conditions).distinct())
        return [row.answer for row in rows]


def _keep_sealed(locked: Locked, letter: Letter, sealed: bytes) -> bool:
    connection = locked.connection
    (state,) = connection.execute(select(answers.c.state).where(answers.c.id == letter.answer)).one()
    last = connection.execute(select(func.max(table.c.number)).where(table.c.answer == letter.answer)).scalar() or 0
    if state != State.LIVE or last != letter.number - 1:
        return False
    values = {"number": letter.number, "issued_at": letter.issued_at, "sealed": sealed}
    kept = connection.execute(update(table).where(table.c.id == letter.id, UNSENT).values(values))
    return kept.rowcount == 1
