"""One thread that does many callers' work together: each group costs one commit, or one reading of the chain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

from registry.core.errors import DatabaseUnavailable

R = TypeVar("R")


class Groups(Generic[R]):
    """Gives bodies to ``work``, those that came meanwhile together, and each caller its result. Safe for threads.

    A group holds at most ``most`` bodies, and ``most_waiting`` bytes wait at most.
    """

    def __init__(self, work: Callable[[Sequence[bytes]], Sequence[R]], most: int, most_waiting: int) -> None:
        self._work, self._most, self._most_waiting = work, most, most_waiting
        self._jobs: SimpleQueue[tuple[bytes, Future[R]] | None] = SimpleQueue()
        self._guard, self._waiting, self._is_closed = threading.Lock(), 0, False
        self._thread = threading.Thread(target=self._run, name="groups", daemon=True)
        self._thread.start()

    def submit(self, body: bytes) -> Future[R]:
        """Return the future of what ``work`` makes of this body.

        `DatabaseUnavailable` where too much waits already, and after `close`.
        """
        answer: Future[R] = Future()
        with self._guard:
            if self._is_closed:
                raise DatabaseUnavailable("the service is stopping", "Try again soon.")
            if self._waiting > self._most_waiting:
                raise DatabaseUnavailable("too many bodies wait", "Try again soon.")
            self._waiting += len(body)
            self._jobs.put((body, answer))
        return answer

    def close(self) -> None:
        """Finish what was submitted, then end the thread. May be called twice."""
        with self._guard:
            if not self._is_closed:
                self._jobs.put(None)
            self._is_closed = True
        self._thread.join()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            group = list[tuple[bytes, Future[R]]]()
            while not group or (len(group) < self._most and not self._jobs.empty()):
                job = self._jobs.get()
                if job is None:
                    goes_on = False
                    break
                group.append(job)
            if group:
                self._do(group)
                with self._guard:
                    self._waiting -= sum(len(body) for body, _ in group)

    def _do(self, group: Sequence[tuple[bytes, Future[R]]]) -> None:
        asked = [(body, answer) for body, answer in group if answer.set_running_or_notify_cancel()]
        try:
            results = self._work([body for body, _ in asked])
        except Exception as error:
            # The caller of each body gets the error, and this thread goes on.
            for _, answer in asked:
                answer.set_exception(error)
            return
        for (_, answer), result in zip(asked, results, strict=True):
            answer.set_result(result)
