"""Work beside the caller's own that nobody who leaves has to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


def begun(call: Callable[[], _T]) -> Future[_T]:
    """What becomes of ``call`` in a thread of its own.

    A pool would be waited for at the latest when the process ends: with a node that hangs, an interruption would take
    as long as the node may. So this may only be what does no harm when it ends in its middle, or goes on for a while.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
