"""Files that the brand sends to people: which there are, which blocks they have, and when they go."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from registry.brand.holding import Arrival, Brought, Kind, arrival_values
from registry.brand.records import OVER, MailedFile, State
from registry.brand.sql.holdings import BeingErased, add_bytes, check_not_erasing
from registry.brand.sql.tables import answers, arriving, mail_blocks, mail_files
from registry.core.ipld.cid import binary_cid, cid_from_digest
from registry.db.engine import retrying, writing
from registry.db.part import StorePart

_COLUMNS = tuple(mail_files.c[name] for name in MailedFile._fields)
MOST_FORGOTTEN = 100


class MailFileTables(StorePart):
    """The part of the store that keeps files for messages."""

    def keep_file(self, new: MailedFile, digests: Collection[bytes], note: int, most: int) -> bool:
        """Keep a file whose blocks are durable; ``note`` is the arrival that named them, which goes.

        False where the grant lives no more. `BeingErased` where the note or a block is gone, `DataFull` where all data
        of the brand would have more than ``most`` bytes. The same file again is kept once.
        """
        return retrying(self._engine, lambda: self._keep_file(new, digests, note, most))

    def _keep_file(self, new: MailedFile, digests: Collection[bytes], note: int, most: int) -> bool:
        with writing(self._engine) as connection:
            add_bytes(connection, 0, most)
            state = select(answers.c.state).where(answers.c.id == new.answer).with_for_update()
            if connection.execute(state).scalar_one() != State.LIVE:
                return False
            same = mail_files.c.answer == new.answer, mail_files.c.tag == new.tag
            if connection.execute(select(mail_files.c.id).where(*same)).first() is not None:
                return True  # another process was faster; the note goes with the blocks
            if connection.execute(delete(arriving).where(arriving.c.id == note)).rowcount != 1:
                raise BeingErased
            check_not_erasing(connection, set(digests))
            add_bytes(connection, new.bytes, most)
            values = {name: value for name, value in new._asdict().items() if name != "id"}
            id = connection.execute(insert(mail_files).values(values).returning(mail_files.c.id)).scalar_one()
            connection.execute(insert(mail_blocks), [{"file": id, "digest": digest} for digest in digests])
            return True

    def files_of(self, answer: int, tags: Collection[bytes]) -> dict[bytes, MailedFile]:
        """Return a grant's files with these tags."""
        query = select(*_COLUMNS).where(mail_files.c.answer == answer, mail_files.c.tag.in_(tags))
        return {row.tag: MailedFile(**row._mapping) for row in self._rows(query)}

    def has_file(self, answer: int, cid: bytes) -> bool:
        """Tell whether a message to this grant has a file with this binary CID."""
        same = mail_files.c.answer == answer, mail_files.c.cid == cid, mail_files.c.used
        return bool(self._rows(select(mail_files.c.id).where(*same)))

    def forget_files(self, unused_before: int, ended_before: int) -> bool:
        """Let go of files that no message used since, and of grants that ended before (unix seconds).

        Their blocks are noted as left, so that a worker erases them.
        """
        unused = select(mail_files.c.id).where(~mail_files.c.used, mail_files.c.at < unused_before)
        over = answers.c.state.in_(OVER), answers.c.ended_at < ended_before
        ended = select(mail_files.c.id).join(answers, answers.c.id == mail_files.c.answer).where(*over)
        queries = [unused.limit(MOST_FORGOTTEN), ended.limit(MOST_FORGOTTEN)]
        ids = {row.id for query in queries for row in self._rows(query)}
        for id in ids:
            retrying(self._engine, lambda id=id: self._forget_file(id, unused_before))  # type: ignore[misc]
        return bool(ids)

    def _forget_file(self, id: int, unused_before: int) -> None:
        with writing(self._engine) as connection:
            add_bytes(connection, 0, 0)
            gone = connection.execute(
                delete(mail_files).where(mail_files.c.id == id).returning(mail_files.c.bytes)
            ).first()
            if gone is None:
                return
            add_bytes(connection, -gone.bytes, 0)
            mine = mail_blocks.c.file == id
            digests = [row.digest for row in connection.execute(select(mail_blocks.c.digest).where(mine))]
            connection.execute(delete(mail_blocks).where(mine))
            left = Arrival(Kind.FETCHED, tuple(Brought(binary_cid(cid_from_digest(each)), 0) for each in digests), 0)
            connection.execute(insert(arriving).values(arrival_values(left)))


def use_files(connection: Connection, answer: int, tags: Sequence[bytes]) -> bool:
    """Note that a message has these files of its grant; False where one is gone."""
    same = mail_files.c.answer == answer, mail_files.c.tag.in_(tags)
    return connection.execute(update(mail_files).where(*same).values(used=True)).rowcount == len(set(tags))
