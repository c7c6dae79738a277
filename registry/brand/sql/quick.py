"""What is read for each "may I?": the grants that stand, and the view of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

from registry.brand.records import State, View
from registry.brand.sql.changes import VIEW, view_of
from registry.db.part import StorePart
from registry.db.quick import QuickReader

# Pairs are those of grants that stand. SQLite keeps the order of a CROSS JOIN; by itself it might begin with `answers`,
# and go through all live grants.
_STANDING = """\
SELECT pairs.datum, answers.digest, answers.state, answers.not_before, answers.expires_at
FROM pairs {join} answers ON answers.id = pairs.answer
WHERE pairs.subject = {mark} AND pairs.purpose = {mark} AND pairs.datum """
_ON_SERVER = _STANDING.format(join="JOIN", mark="%s") + "= ANY(%s)"
_IN_FILE = _STANDING.format(join="CROSS JOIN", mark="?")


class QuickTables(StorePart):
    """The part of the store that is asked most often."""

    @cached_property
    def _quick(self) -> QuickReader:
        return QuickReader(self._engine)

    @property
    def is_instant(self) -> bool:
        """Whether an event loop may ask this part."""
        return self._quick.is_instant

    def standing(self, subject: bytes, purpose: str, data: Sequence[str], now: int) -> dict[str, tuple[bytes, State]]:
        """Return, for each datum that a grant allows at ``now``, one such grant: its digest and state.

        One that is ``LIVE`` goes before one that is ``UNSURE``.
        """
        if self.is_instant:
            rows = self._quick.rows(in_file(len(data)), (subject, purpose, *data))
        else:
            rows = self._quick.rows(_ON_SERVER, (subject, purpose, list(data)))
        now_ones = [row for row in rows if row[3] <= now < row[4]]
        # By the state's name: what is live comes last, and stays in the answer.
        in_order = sorted(now_ones, key=lambda row: row[2], reverse=True)
        return {datum: (digest, State(state)) for datum, digest, state, _, _ in in_order}

    def view(self) -> View:
        """Return how far the chain's log was read."""
        (row,) = self._quick.rows(VIEW, ())
        return view_of(*row)


@lru_cache
def in_file(count: int) -> str:
    """Return the question about so many data, for SQLite."""
    return f"{_IN_FILE} IN ({','.join('?' * count)})"
