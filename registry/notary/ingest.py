"""One thread that keeps requests, many in each commit, because each commit is a write to the disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from registry.core.errors import DatabaseUnavailable, InvalidInput
from registry.core.merkle import MAX_BATCH
from registry.notary.protocols import Intake
from registry.notary.records import Arrival, Times, Unpaid

# The most requests and bytes of one commit: more would make the first ones wait too long.
MAX_GROUP, MAX_GROUP_BYTES = 256, 4 << 20
# The most bytes that may wait for the disk.
MAX_WAITING = 32 << 20
_ROW_BYTES = 200

_Answer = Times | Unpaid
_Job = tuple[Arrival, "Future[_Answer]"]


class Ingest:
    """Keeps requests through ``intake``. Use one for each process; safe for threads."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._waiting_bytes = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._thread.start()

    def submit(self, arrival: Arrival) -> Future[Times | Unpaid]:
        """Keep a request; the result is there when it is durable, or `DatabaseUnavailable` is.

        `DatabaseUnavailable` also where too much waits already, and after `close`. `InvalidInput` for a request that is
        empty, or fits into no batch: it would keep later ones from theirs.
        """
        count, rest = divmod(len(arrival.items), 32)
        if rest or not 1 <= count <= MAX_BATCH:
            raise InvalidInput(f"a request holds 1 to {MAX_BATCH:,} commitments of 32 bytes")
        answer: Future[_Answer] = Future()
        with self._guard:
            if self._is_closed:
                raise DatabaseUnavailable("the notary is stopping", "Try again soon.")
            if self._waiting_bytes > MAX_WAITING:
                raise DatabaseUnavailable("too many requests wait for the disk", "Try again soon.")
            self._waiting_bytes += _size(arrival)
            self._jobs.put((arrival, answer))
        return answer

    def close(self) -> None:
        """Keep what was submitted, then end the thread. May be called twice."""
        with self._guard:
            if not self._is_closed:
                self._jobs.put(None)
            self._is_closed = True
        self._thread.join()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            group, goes_on = self._next_group()
            if group:
                self._keep(group)
                with self._guard:
                    self._waiting_bytes -= sum(_size(arrival) for arrival, _ in group)

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a request, and take those that have come meanwhile; False once no more come."""
        group, size = list[_Job](), 0
        while not group or (len(group) < MAX_GROUP and size < MAX_GROUP_BYTES and not self._jobs.empty()):
            job = self._jobs.get()
            if job is None:
                return group, False
            group.append(job)
            size += _size(job[0])
        return group, True

    def _keep(self, group: Sequence[_Job]) -> None:
        asked = [(arrival, answer) for arrival, answer in group if answer.set_running_or_notify_cancel()]
        try:
            answers = self._intake.take([arrival for arrival, _ in asked])
        except Exception as error:
            # The caller of each request gets the error, and this thread goes on.
            for _, answer in asked:
                answer.set_exception(error)
            return
        for (_, answer), kept in zip(asked, answers, strict=True):
            answer.set_result(kept)


def _size(arrival: Arrival) -> int:
    return len(arrival.items) + _ROW_BYTES
