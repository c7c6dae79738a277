"""The errors of a store on the network: each has its own message, and says whether a second attempt may help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from registry.core.errors import (
    StorageCut,
    StorageDown,
    StorageFull,
    StorageLimited,
    StorageRefused,
    StorageSlow,
    StorageTooOld,
    StorageUnavailable,
)

MAX_QUOTE = 160
_FULL = re.compile(r"no space left|disk quota|maximum storage limit", re.IGNORECASE)
_ABSENT = re.compile(r"not found|could not find", re.IGNORECASE)


class Failure(NamedTuple):
    """An error to raise, and whether a second attempt may succeed."""

    error: StorageUnavailable
    retry: bool


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


def says_absent(refusal: StorageRefused) -> bool:
    """Whether the store says that it does not hold the block."""
    return _ABSENT.search(refusal.words) is not None


def says_not_pinned(refusal: StorageRefused) -> bool:
    """Whether the store says that there is no such pin."""
    return "not pinned" in refusal.words


def slow(name: str, seconds: float) -> Failure:
    """No answer within the limit. Not retried: that would only take as long again."""
    return Failure(StorageSlow(f"{name} did not answer within {seconds:g} seconds"), False)


def stuck(name: str, seconds: float) -> Failure:
    """It stopped receiving the request. Retried: a pause this short may be one of this machine."""
    return Failure(StorageSlow(f"{name} took no more of the request within {seconds:g} seconds"), True)


def away(name: str) -> Failure:
    """No connection to its address."""
    return Failure(StorageDown(f"{name} cannot be reached"), True)


def cut(name: str) -> Failure:
    """The connection ended before the answer did."""
    return Failure(StorageCut(f"{name} broke off in the middle of its answer"), True)


def strange(name: str, why: str) -> Failure:
    """An answer that no such store gives."""
    return Failure(StorageUnavailable(f"{name} {why}", "Check that the address is the one meant."), False)


def too_old(name: str, version: str, minimum: str) -> StorageUnavailable:
    """A node older than ``minimum``."""
    return StorageTooOld(f"{name} is too old: Kubo {quoted(version)}", f"Update it to {minimum} or newer.")


def status(name: str, code: int) -> Failure:
    """An HTTP status that is an error."""
    other = _Status(StorageUnavailable, f"answered with HTTP status {code}", "Look at its log.", code >= 500)
    found = _STATUS.get(code, other)
    return Failure(found.kind(f"{name} {found.message}", found.advice), found.retry)


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
