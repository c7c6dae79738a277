"""What goes wrong with a store on the network, each with its own sentence, and whether asking again may help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from registry.core.errors import StorageUnavailable

MAX_QUOTE = 160
_FULL = re.compile(r"no space left|disk quota|maximum storage limit", re.IGNORECASE)
_ABSENT = re.compile(r"not found|could not find", re.IGNORECASE)
_STATUS = {
    401: ("refuses the credentials", "Check the user and password, or the token, that it wants.", False),
    403: ("refuses the credentials", "Check the user and password, or the token, that it wants.", False),
    404: ("does not know the request", "Check that the address is the one meant, and of the right kind.", False),
    413: ("takes no request of that size", "Raise the size limit of what stands before it.", False),
    429: ("is over its limit of requests", "Ask less often, or wait until its limit is renewed.", True),
    502: ("is away, says the proxy before it", "Check that it runs, then try again.", True),
    503: ("has no time now", "Try again later.", True),
    504: ("did not answer the proxy before it in time", "Try again when it is less busy.", False),
}


class Refusal(StorageUnavailable):
    """A store answered, and said no, in these ``words``; callers who expected it catch it, for others it is clear."""

    def __init__(self, name: str, words: str) -> None:
        if _FULL.search(words):
            super().__init__(*_full(name))
        else:
            super().__init__(f"{name} refused: {quoted(words)}", "Look at its log, then try again.")
        self.words = words

    @property
    def absent(self) -> bool:
        """Whether it says that it does not hold the block."""
        return _ABSENT.search(self.words) is not None

    @property
    def not_pinned(self) -> bool:
        """Whether it says that no pin is there."""
        return "not pinned" in self.words


class Trouble(NamedTuple):
    """An error to raise, and whether asking once more may do without it."""

    error: StorageUnavailable
    passing: bool


def full(name: str) -> StorageUnavailable:
    """Its disk or its own limit leaves no room."""
    return StorageUnavailable(*_full(name))


def slow(name: str, seconds: float) -> Trouble:
    """No answer within its time. Not asked again: that would only take as long once more."""
    advice = "Try again when it is less busy, or allow it more time."
    return Trouble(StorageUnavailable(f"{name} did not answer within {seconds:g} seconds.", advice), False)


def away(name: str) -> Trouble:
    """Nobody listens at its address."""
    return Trouble(StorageUnavailable(f"{name} cannot be reached.", "Start it, or correct its address."), True)


def cut(name: str) -> Trouble:
    """The connection ended before the answer did."""
    advice = "Try again; if that goes on, look at the network and at its log."
    return Trouble(StorageUnavailable(f"{name} broke off in the middle of its answer.", advice), True)


def strange(name: str, why: str) -> Trouble:
    """An answer in no form that is asked for."""
    return Trouble(StorageUnavailable(f"{name} {why}.", "Check that the address is the one meant."), False)


def status(name: str, code: int) -> Trouble:
    """An HTTP status that says no."""
    what, advice, passing = _STATUS.get(code, (f"answered with HTTP status {code}", "Look at its log.", code >= 500))
    return Trouble(StorageUnavailable(f"{name} {what}.", advice), passing)


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


def _full(name: str) -> tuple[str, str]:
    advice = "Unpin and collect what nobody needs, or give it more room (Kubo: Datastore.StorageMax)."
    return f"{name} is full.", advice
