"""Keep requests, many in each commit, because each commit is a write to the disk."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from registry.core.errors import InvalidInput
from registry.core.merkle import MAX_BATCH
from registry.http.groups import Groups
from registry.notary.protocols import Intake
from registry.notary.records import Arrival, Times, Unpaid

# The most requests and bytes of one commit: more would make the first ones wait too long.
MAX_GROUP, MAX_GROUP_BYTES = 256, 4 << 20
# The most bytes that may wait for the disk.
MAX_WAITING = 32 << 20
_ROW_BYTES = 200


class Ingest:
    """Keeps requests through ``intake``. Use one for each process; safe for threads."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._groups = Groups[Arrival, Times | Unpaid](self._keep, MAX_GROUP, MAX_WAITING, _size, MAX_GROUP_BYTES)

    def submit(self, arrival: Arrival) -> Future[Times | Unpaid]:
        """Keep a request; the result is there when it is durable, or `DatabaseUnavailable` is.

        `DatabaseUnavailable` also where too much waits already, and after `close`. `InvalidInput` for a request that is
        empty, or fits into no batch: it would keep later ones from theirs.
        """
        count, rest = divmod(len(arrival.items), 32)
        if rest or not 1 <= count <= MAX_BATCH:
            raise InvalidInput(f"a request holds 1 to {MAX_BATCH:,} commitments of 32 bytes")
        return self._groups.submit(arrival)

    def _keep(self, arrivals: Sequence[Arrival]) -> Sequence[Times | Unpaid]:
        return self._intake.take(arrivals)

    def close(self) -> None:
        """Keep what was submitted, then end the thread. May be called twice."""
        self._groups.close()


def _size(arrival: Arrival) -> int:
    return len(arrival.items) + _ROW_BYTES
