"""The errors of a store on the network: each has its own message, and some are worth a second attempt."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from registry.core.errors import (
    StorageCut,
    StorageDown,
    StorageFull,
    StorageLimited,
    StorageRefused,
    StorageSlow,
    StorageUnavailable,
)

MAX_QUOTE = 160
# Seconds before the second and the third attempt. Every call is idempotent: blocks and pins are named by content.
PAUSES = (0.1, 0.5)
# In the words of a refusal: the store does not hold the block; there is no such pin; it runs offline.
ABSENT = re.compile(r"not found|could not find", re.IGNORECASE)
# There is no such file in its MFS.
NO_FILE = re.compile("file does not exist")
NOT_PINNED = re.compile("not pinned")
OFFLINE = re.compile("online mode")
_FULL = re.compile(r"no space left|disk quota|maximum storage limit", re.IGNORECASE)
_T = TypeVar("_T")


class Failed(Exception):
    """An attempt failed with ``error``; ``retry`` if a second one may succeed."""

    def __init__(self, error: StorageUnavailable, *, retry: bool = False) -> None:
        self.error, self.retry = error, retry


def retried(attempt: Callable[[], _T]) -> _T:
    """Return what an attempt returns; raise the error of the last one that `Failed`."""
    for pause in (*PAUSES, None):
        try:
            return attempt()
        except Failed as failed:
            error, retry = failed.error, failed.retry
        # Not raised from an error of the attempt: that one may hold the request, and so the credentials.
        if pause is None or not retry:
            raise error
        time.sleep(pause)
    raise AssertionError


class _Status(NamedTuple):
    """The meaning of an HTTP status; without ``advice``, the error class has its own."""

    kind: type[StorageUnavailable]
    message: str
    advice: str | None
    retry: bool = False


_CREDENTIALS = _Status(
    StorageUnavailable, "refuses the credentials", "Check the user and password, or the token, that it wants."
)
_STATUS = {
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: _Status(StorageUnavailable, "does not know the request", "Check that the address is of the right kind."),
    413: _Status(StorageLimited, "accepts no request of that size", "Raise the size limit of the proxy before it."),
    429: _Status(StorageLimited, "is over its limit of requests", None, True),
    502: _Status(StorageDown, "is down, says the proxy before it", "Check that it runs, then try again.", True),
    503: _Status(StorageLimited, "is overloaded", "Try again later.", True),
    504: _Status(StorageSlow, "did not answer the proxy before it in time", "Try again when it is less busy."),
}


def full(name: str) -> StorageUnavailable:
    """Its disk, or its own limit, leaves no room."""
    advice = "Unpin and collect what nobody needs, or give it more room (Kubo: Datastore.StorageMax)."
    return StorageFull(f"{name} is full", advice)


def refused(name: str, words: str) -> StorageUnavailable:
    """It refused the request in these words. A caller that expects this catches ``StorageRefused``."""
    if _FULL.search(words):
        return full(name)
    return StorageRefused(f"{name} refused: {quoted(words)}", words=words)


def slow(name: str, seconds: float) -> Failed:
    """No answer within the limit. Not retried: that would only take as long again."""
    return Failed(StorageSlow(f"{name} did not answer within {seconds:g} seconds"))


def away(name: str) -> Failed:
    """No connection to its address."""
    return Failed(StorageDown(f"{name} cannot be reached"), retry=True)


def cut(name: str) -> Failed:
    """The connection ended before the answer did."""
    return Failed(StorageCut(f"{name} broke off in the middle of its answer"), retry=True)


def strange(name: str, why: str) -> Failed:
    """An answer that no such store gives."""
    return Failed(StorageUnavailable(f"{name} {why}", "Check that the address is the one meant."))


def status(name: str, code: int) -> Failed:
    """An HTTP status that is an error."""
    other = _Status(StorageUnavailable, f"answered with HTTP status {code}", "Look at its log.", code >= 500)
    found = _STATUS.get(code, other)
    return Failed(found.kind(f"{name} {found.message}", found.advice), retry=found.retry)


def quoted(text: str) -> str:
    """Return foreign text made harmless: one line, printable, at most MAX_QUOTE characters."""
    return "".join(each if each.isprintable() else " " for each in text[:MAX_QUOTE]).strip()


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all that it wraps: libraries hide the socket's error two or three levels down."""
    seen: list[BaseException] = [error]
    for each in seen:
        yield each
        wrapped = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        seen += [inner for inner in wrapped if isinstance(inner, BaseException) and all(inner is not e for e in seen)]
