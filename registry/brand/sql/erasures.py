"""Erase answers: in one commit all rows go, and a mark stays. Legal holds keep an answer from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from registry.brand.erased import Erased, EvidenceHold, mark_of
from registry.brand.holding import Arrival, Brought, Kind, arrival_values
from registry.brand.records import OVER, Answer, State
from registry.brand.sql.acknowledgements import has_stopped
from registry.brand.sql.changes import ChangingTables, Locked
from registry.brand.sql.holdings import add_bytes
from registry.brand.sql.tables import (
    acknowledgements,
    answers,
    arriving,
    erased,
    events,
    evidence_holds,
    files,
    held,
    holdings,
    mail_blocks,
    mail_files,
    messages,
    own_statements,
    pairs,
    requests,
    unasked,
    uses,
)
from registry.core.ipld.cid import binary_cid, cid_from_digest
from registry.core.scalars import to_hex
from registry.db.engine import autocommitting, is_sqlite, reading, retrying, writing

NOBODY = bytes(20)
_OF_ANSWERS = (files, pairs, holdings, held, messages, acknowledgements, evidence_holds)


class ErasureTables(ChangingTables):
    """The part of the store that erases answers."""

    def of_subject(self, subject: bytes) -> list[int]:
        """Return the ids of a person's answers (their address, 20 bytes)."""
        return [row.id for row in self._rows(select(answers.c.id).where(answers.c.subject == subject))]

    def unfinished(self, ids: Collection[int]) -> set[int]:
        """Return those of these answers of which the worker has still to sign, to settle or to erase something."""
        mine = answers.c.id.in_(ids)
        signs = select(own_statements.c.about).where(own_statements.c.kind != "UseLog")
        settles = select(acknowledgements.c.answer).where(acknowledgements.c.check_at > 0)
        unstopped = (answers.c.kind == "Grant") & answers.c.state.in_(OVER) & ~has_stopped()
        query = select(answers.c.id).where(mine, or_(answers.c.id.in_(signs), answers.c.id.in_(settles), unstopped))
        return {row.id for row in self._rows(query)}

    def hold_evidence(self, holds: Sequence[EvidenceHold]) -> None:
        """Keep these holds; each takes the place of the one before."""
        retrying(self._engine, lambda: self._hold_evidence(holds))

    def _hold_evidence(self, holds: Sequence[EvidenceHold]) -> None:
        with writing(self._engine) as connection:
            ids = [each.answer for each in holds]
            connection.execute(delete(evidence_holds).where(evidence_holds.c.answer.in_(ids)))
            connection.execute(insert(evidence_holds), [each._asdict() for each in holds])

    def release_evidence(self, ids: Collection[int]) -> int:
        """End the holds of these answers; return how many there were."""
        with writing(self._engine) as connection:
            return connection.execute(delete(evidence_holds).where(evidence_holds.c.answer.in_(ids))).rowcount

    def evidence_holds(self, ids: Collection[int], now: int) -> list[EvidenceHold]:
        """Return the holds of these answers that are in force."""
        mine = evidence_holds.c.answer.in_(ids), evidence_holds.c.until > now
        return [EvidenceHold(**row._mapping) for row in self._rows(select(evidence_holds).where(*mine))]

    def erase_evidence(self, gone: Sequence[tuple[Answer, Erased]], now: int) -> bool:
        """Erase these answers in one commit, and keep their marks; False where one has changed, or is on hold."""
        return self._alone(lambda locked: _erase_all(locked, gone, now))

    def was_erased(self, capability: bytes) -> bool:
        """Whether an erased answer had this random name (16 bytes)."""
        return bool(self._rows(select(erased.c.mark).where(erased.c.capability == mark_of(capability))))

    def marked(self, digests: Collection[bytes]) -> list[Erased]:
        """Return the marks of those of these digests that were erased."""
        query = select(erased).where(erased.c.mark.in_([mark_of(each) for each in digests]))
        return [Erased(**row._mapping) for row in self._rows(query)]

    def uncertified(self) -> list[Erased]:
        """Return the marks that no certificate counts yet."""
        return [Erased(**row._mapping) for row in self._rows(select(erased).where(~erased.c.certified))]

    def certify(self, marks: Collection[bytes]) -> None:
        """Note that a durable certificate counts these."""
        self._change(update(erased).where(erased.c.mark.in_(marks)).values(certified=True))

    def traces(self, digest: bytes) -> int:
        """Return how many rows still name an answer by its digest (32 bytes)."""
        word = to_hex(digest)
        queries = [select(func.count()).select_from(table).where(table.c.digest == digest) for table in _NAMING]
        queries += [select(func.count()).select_from(uses).where(uses.c.grant == digest)]
        queries += [select(func.count()).select_from(events).where(events.c.why == word)]
        return sum(int(self._rows(query)[0][0]) for query in queries)

    def clean(self) -> None:
        """Take what was deleted out of the database's files, as far as a client can."""
        if is_sqlite(self._engine):
            with reading(self._engine) as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
                connection.exec_driver_sql("BEGIN")
            return
        with autocommitting(self._engine) as connection:
            for table in (*_OF_ANSWERS, answers, events, uses, unasked, mail_files, mail_blocks):
                connection.exec_driver_sql(f'VACUUM "{table.name}"')


_NAMING = (answers, events, unasked)


def _erase_all(locked: Locked, gone: Sequence[tuple[Answer, Erased]], now: int) -> bool:
    connection = locked.connection
    if not all(_may_go(connection, answer, now) for answer, _ in gone):
        return False
    for answer, mark in gone:
        _erase(connection, answer, mark)
    return True


def _may_go(connection: Connection, answer: Answer, now: int) -> bool:
    row = connection.execute(select(answers.c.state).where(answers.c.id == answer.id)).first()
    hold = evidence_holds.c.answer == answer.id, evidence_holds.c.until > now
    is_held = connection.execute(select(evidence_holds).where(*hold)).first() is not None
    return row is not None and State(row.state) is answer.state and not is_held


def _erase(connection: Connection, answer: Answer, mark: Erased) -> None:
    _erase_mail_files(connection, answer.id)
    for table in _OF_ANSWERS:
        connection.execute(delete(table).where(table.c.answer == answer.id))
    own = own_statements.c.kind.in_(("Acceptance", "Acknowledgement")), own_statements.c.about == answer.id
    connection.execute(delete(own_statements).where(*own))
    # The hashes of the log's tree stay: without them nobody's entry could be proved.
    connection.execute(delete(uses).where(uses.c.grant == answer.digest))
    connection.execute(delete(unasked).where(unasked.c.digest == answer.digest))
    # Numbers of events have no gap, so the rows stay and tell nothing.
    mine = events.c.digest == answer.digest
    connection.execute(update(events).where(mine).values(digest=mark.mark, subject=NOBODY, why=""))
    connection.execute(update(events).where(events.c.why == to_hex(answer.digest)).values(why=""))
    single = requests.c.digest == answer.request, requests.c.answered_by == answer.subject
    connection.execute(update(requests).where(*single).values(answered_by=NOBODY))
    connection.execute(delete(answers).where(answers.c.id == answer.id))
    connection.execute(insert(erased).values(mark._asdict()))


def _erase_mail_files(connection: Connection, answer: int) -> None:
    """Let the files of messages go. Their blocks are noted as left, so that the worker erases them."""
    found = connection.execute(select(mail_files.c.id, mail_files.c.bytes).where(mail_files.c.answer == answer)).all()
    ids = [row.id for row in found]
    if not ids:
        return
    add_bytes(connection, -sum(row.bytes for row in found), 0)
    mine = mail_blocks.c.file.in_(ids)
    digests = [row.digest for row in connection.execute(select(mail_blocks.c.digest).where(mine))]
    connection.execute(delete(mail_blocks).where(mine))
    connection.execute(delete(mail_files).where(mail_files.c.id.in_(ids)))
    left = Arrival(Kind.FETCHED, tuple(Brought(binary_cid(cid_from_digest(each)), 0) for each in digests), 0)
    connection.execute(insert(arriving).values(arrival_values(left)))
