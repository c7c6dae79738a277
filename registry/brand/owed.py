"""What all statements that the brand signs by itself have in common. `registry.brand.counter` signs and sends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from registry.core.evidence.file import Evidence
from registry.core.statements.messages import Message


class Owed(NamedTuple):
    """A statement that is to be signed: ``about`` numbers what it is of, and ``message`` makes it for a date."""

    about: int
    message: Callable[[int], Message]


class Done(NamedTuple):
    """A statement that the chain shows now."""

    about: int
    evidence: Evidence


class Kind(Protocol):
    """One kind of own statement. No two of one kind have the same ``about`` while they wait for their anchor."""

    def owed(self, limit: int) -> Sequence[Owed]:
        """Return what is to be signed now, without what is signed and kept in the store already."""

    def complete(self, done: Sequence[Done]) -> None:
        """Put anchored statements where they belong; a crash may repeat this. Leave out what nobody needs any more."""
