"""One thread that does many callers' work together: each group costs one commit, or one reading of the chain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from registry.core.errors import DatabaseUnavailable

T = TypeVar("T")
R = TypeVar("R")


class Groups(Generic[T, R]):
    """Gives items to ``work``, those that came meanwhile together, and each caller its result. Safe for threads.

    A group holds at most ``most`` items. It takes no more once it has ``most_bytes``, where that is given. About
    ``most_waiting`` bytes wait at most. ``size`` tells the bytes of an item.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        most: int,
        most_waiting: int,
        size: Callable[[T], int],
        most_bytes: int | None = None,
    ) -> None:
        self._work, self._size = work, size
        self._most, self._most_bytes, self._most_waiting = most, most_bytes or most_waiting, most_waiting
        self._jobs: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
        self._guard, self._waiting, self._is_closed = threading.Lock(), 0, False
        self._thread = threading.Thread(target=self._run, name="groups", daemon=True)
        self._thread.start()

    def submit(self, item: T) -> Future[R]:
        """Return the future of what ``work`` makes of this item.

        `DatabaseUnavailable` where too much waits already, and after `close`.
        """
        answer: Future[R] = Future()
        with self._guard:
            if self._is_closed:
                raise DatabaseUnavailable("the service is stopping", "Try again soon.")
            if self._waiting > self._most_waiting:
                raise DatabaseUnavailable("too many requests wait", "Try again soon.")
            self._waiting += self._size(item)
            self._jobs.put((item, answer))
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
            group, size, goes_on = self._next_group()
            if group:
                self._do(group)
                with self._guard:
                    self._waiting -= size

    def _next_group(self) -> tuple[list[tuple[T, Future[R]]], int, bool]:
        """Wait for an item, and take those that have come meanwhile; with their bytes. False once no more come."""
        group, size = list[tuple[T, Future[R]]](), 0
        while not group or (len(group) < self._most and size < self._most_bytes and not self._jobs.empty()):
            job = self._jobs.get()
            if job is None:
                return group, size, False
            group.append(job)
            size += self._size(job[0])
        return group, size, True

    def _do(self, group: Sequence[tuple[T, Future[Any]]]) -> None:
        asked = [(item, answer) for item, answer in group if answer.set_running_or_notify_cancel()]
        try:
            results = self._work([item for item, _ in asked])
        except Exception as error:
            # The caller of each item gets the error, and this thread goes on.
            for _, answer in asked:
                answer.set_exception(error)
            return
        for (_, answer), result in zip(asked, results, strict=True):
            answer.set_result(result)
