"""The ``anchor`` member of an evidence file: where a commitment is on the chain."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from registry.core.merkle import MAX_PROOF
from registry.core.scalars import Bytes32, UInt64, read_words


class Anchor(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Where the commitment is on the chain. ``transaction`` and ``block`` are hints, never shown as proved."""

    root: Bytes32
    proof: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_PROOF)]
    transaction: Bytes32
    block: UInt64

    def __post_init__(self) -> None:
        force_setattr(self, "words", self._read())  # eagerly: see statements.messages

    def _read(self) -> tuple[bytes, ...]:
        """The transaction, the root, and the proof from the leaf up: 32 bytes each."""
        return read_words((self.transaction, self.root, *self.proof))

    words = cached_property(_read)
