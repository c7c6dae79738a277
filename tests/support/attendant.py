"""Somebody at a session: knows a passphrase, and remembers what was told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

T = TypeVar("T")


class Attendant:
    """A person who types ``phrase`` whenever something is sealed."""

    def __init__(self, phrase: str = "") -> None:
        self.phrase = phrase
        self.told: list[str] = []
        self.asked = 0

    def unlock(self, opener: Callable[[str], T], is_light: bool = False) -> T:
        self.asked += 1
        return opener(self.phrase)

    def tell(self, line: str) -> None:
        self.told.append(line)

    def tell_on_page(self, line: str) -> None:
        self.told.append(line)

    def working(self, what: str) -> AbstractContextManager[None]:
        return nullcontext()

    def waiting(self, transaction: str, seconds: float) -> None:
        self.told.append(transaction)

    def waiting_for(self, what: str, seconds: float) -> None:
        self.told.append(what)
