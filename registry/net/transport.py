"""What every way to a node shares: how much it may answer, and how it fails."""

from __future__ import annotations

from typing import Protocol

MAX_ANSWER_BYTES = 16 * 1024 * 1024


class Unreachable(Exception):
    """There is no answer. The message names no address, because access keys stand in those."""


class Busy(Unreachable):
    """The node takes no more requests for now."""


class TooLarge(Exception):
    """So much at once is more than the node takes, or more than is read of its answer."""


class Wire(Protocol):
    """Carries one request and brings its answer; nothing of it lasts until the next."""

    @property
    def name(self) -> str:
        """The node as messages name it, without secrets."""

    def exchange(self, body: bytes) -> bytes:
        """The answer to ``body``, unread. `Unreachable`, `Busy`, `TooLarge`, or TimeoutError if it takes too long."""


def plain(error: Exception) -> str:
    """What the operating system said, which holds no part of the address; else only the kind of error."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
