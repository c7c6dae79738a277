"""What goes wrong with a store on the network, each with its own sentence, and whether asking again may help."""

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
_ROOM = "Unpin and collect what nobody needs, or give it more room (Kubo: Datastore.StorageMax)."


class _Said(NamedTuple):
    """What an HTTP status means: the kind of error, in words, with other advice than the kind's own (None)."""

    kind: type[StorageUnavailable]
    what: str
    advice: str | None
    passing: bool = False


_CREDENTIALS = "Check the user and password, or the token, that it wants."
_STATUS = {
    401: _Said(StorageUnavailable, "refuses the credentials", _CREDENTIALS),
    403: _Said(StorageUnavailable, "refuses the credentials", _CREDENTIALS),
    404: _Said(
        StorageUnavailable, "does not know the request", "Check that the address is right, and of the right kind."
    ),
    413: _Said(StorageLimited, "takes no request of that size", "Raise the size limit of what stands before it."),
    429: _Said(StorageLimited, "is over its limit of requests", None, True),
    502: _Said(StorageDown, "is away, says the proxy before it", "Check that it runs, then try again.", True),
    503: _Said(StorageLimited, "has no time now", "Try again later.", True),
    504: _Said(StorageSlow, "did not answer the proxy before it in time", "Try again when it is less busy."),
}


class Trouble(NamedTuple):
    """An error to raise, and whether asking once more may do without it."""

    error: StorageUnavailable
    passing: bool


def full(name: str) -> StorageUnavailable:
    """Its disk or its own limit leaves no room."""
    return StorageFull(f"{name} is full.", _ROOM)


def refused(name: str, words: str) -> StorageUnavailable:
    """It answered, and said no in these words; callers who expected that catch StorageRefused."""
    if _FULL.search(words):
        return full(name)
    return StorageRefused(f"{name} refused: {quoted(words)}", words=words)


def says_absent(refusal: StorageRefused) -> bool:
    """Whether it says that it does not hold the block."""
    return _ABSENT.search(refusal.words) is not None


def says_not_pinned(refusal: StorageRefused) -> bool:
    """Whether it says that no pin is there."""
    return "not pinned" in refusal.words


def slow(name: str, seconds: float) -> Trouble:
    """No answer within its time. Not asked again: that would only take as long once more."""
    return Trouble(StorageSlow(f"{name} did not answer within {seconds:g} seconds."), False)


def stuck(name: str, seconds: float) -> Trouble:
    """It takes no more of what is sent. Asked again: so short a stop may be one of this machine."""
    return Trouble(StorageSlow(f"{name} took no more of what was sent within {seconds:g} seconds."), True)


def away(name: str) -> Trouble:
    """Nobody listens at its address."""
    return Trouble(StorageDown(f"{name} cannot be reached."), True)


def cut(name: str) -> Trouble:
    """The connection ended before the answer did."""
    return Trouble(StorageCut(f"{name} broke off in the middle of its answer."), True)


def strange(name: str, why: str) -> Trouble:
    """An answer in no form that is asked for."""
    return Trouble(StorageUnavailable(f"{name} {why}.", "Check that the address is the one meant."), False)


def too_old(name: str, version: str, wanted: str) -> StorageUnavailable:
    """A node of this version, where ``wanted`` is the first that does."""
    return StorageTooOld(f"{name} is too old: Kubo {quoted(version)}.", f"Update it to {wanted} or newer.")


def status(name: str, code: int) -> Trouble:
    """An HTTP status that says no."""
    other = _Said(StorageUnavailable, f"answered with HTTP status {code}", "Look at its log.", code >= 500)
    said = _STATUS.get(code, other)
    return Trouble(said.kind(f"{name} {said.what}.", said.advice), said.passing)


def quoted(text: str) -> str:
    """Somebody else's words, made harmless: one line, printable, at most MAX_QUOTE characters."""
    return "".join(each if each.isprintable() else " " for each in text[:MAX_QUOTE]).strip()


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and everything that it wraps: libraries hide the socket's own error two or three levels down."""
    seen: list[BaseException] = [error]
    for each in seen:
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        seen += [one for one in inner if isinstance(one, BaseException) and not any(one is old for old in seen)]
