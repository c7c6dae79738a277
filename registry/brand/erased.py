"""What is left of erased evidence, and how it is recognised when it comes again."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from registry.core.errors import ConsentError


class Erased(NamedTuple):
    """What is left of an erased answer: nothing that leads to it without its own file.

    ``mark`` is a hash of its digest, which holds a random salt, and ``capability`` one of its random name; both tell
    those who have these that it was erased. ``acknowledgement`` is the commitment of the brand's Acknowledgement,
    empty for none. ``day`` is the start of the day (unix seconds). ``certified``: a certificate counts it.
    """

    mark: bytes
    capability: bytes
    kind: str
    acknowledgement: bytes
    day: int
    certified: bool = False


class EvidenceHold(NamedTuple):
    """A legal hold: the answer with this id must not be erased before ``until`` (unix seconds)."""

    answer: int
    until: int
    reason: str


class WasErased(ConsentError):
    """The brand has erased this evidence because its person asked for that, and does not take it again."""

    advice = "Give a new grant if you want to allow it again."

    def __init__(self) -> None:
        super().__init__("the brand has erased this evidence")


def mark_of(secret: bytes) -> bytes:
    """Return the hash by which an erased digest, or capability, is recognised. Both are random, so nobody guesses."""
    return sha256(b"ConsentRegistry/1/erased" + secret).digest()
