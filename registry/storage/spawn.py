"""Runs a call in a thread that ends with the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


def spawn(call: Callable[[], _T]) -> Future[_T]:
    """Start ``call`` in a daemon thread and return its future.

    A thread pool is joined when the process ends, so Ctrl-C would wait for a node that hangs. The call may therefore
    be cut off in the middle, and must do no harm then.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
