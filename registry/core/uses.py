"""The use log of a brand: each reading of what a grant handed over is a leaf of a Merkle log (docs/formats.md, "Uses").

A leaf is the RFC 8785 JSON of a `Use`. Its salt keeps everybody else from guessing the entry by its hash.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.evidence.file import Evidence
from registry.core.merkle_log import MAX_LOG_PROOF, leaf_hash
from registry.core.notices.plain_text import SENTENCE, find_fault
from registry.core.scalars import Bytes32, UInt64, check_term, check_terms, read_words, unhex
from registry.core.statements.messages import UseLog

MAX_USE = 16 * 1024
# A page has so many entries, and so many heads, at most.
MOST_ON_A_PAGE = 100
MAX_PAGE = 4 * 1024 * 1024
_MOST_KINDS = 64
Proof = Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_LOG_PROOF)]


class Use(Struct, frozen=True, forbid_unknown_fields=True):
    """One reading: ``count`` records of these kinds of ``data``, for one ``purpose``, by a ``system`` of the brand.

    ``grant`` is the digest, ``at`` in unix seconds. An empty ``system`` stands for one that was not named.
    """

    grant: Bytes32
    at: UInt64
    purpose: str
    data: Annotated[tuple[str, ...], Meta(max_length=_MOST_KINDS)]
    count: UInt64
    system: Annotated[str, Meta(max_length=100)]
    salt: Bytes32
    type: Literal["ConsentUse"] = "ConsentUse"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_words((self.grant, self.salt))
        check_term(self.purpose, "purpose")
        check_terms(self.data, "data")
        if self.system and (fault := find_fault(self.system, SENTENCE)):
            raise Malformed(f"the system's name {fault}")

    @property
    def leaf(self) -> bytes:
        """The hash of this entry as a leaf of the log, 32 bytes."""
        return leaf_hash(write_use(self))


_decoder = msgspec.json.Decoder(Use)


def write_use(use: Use) -> bytes:
    """Return the bytes of an entry, which the leaf hashes."""
    return codec.encode(use)


def parse_use(raw: bytes) -> Use:
    """Parse an entry; ``Malformed`` for anything but its one encoding."""
    return codec.decode(raw, _decoder, MAX_USE)


class LoggedUse(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry with its number in the log, from 0, and its inclusion proof under the head of ``head`` entries.

    An entry that no anchored head covers yet has neither head nor proof.
    """

    index: UInt64
    use: Use
    head: UInt64 | UnsetType = UNSET
    proof: Proof | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.head is UNSET) != (self.proof is UNSET):
            raise Malformed("an entry has a head and a proof, or neither")
        read_words(self.proof or ())

    @property
    def siblings(self) -> list[bytes]:
        """The hashes of the proof."""
        return [unhex(each) for each in self.proof or ()]


class LogHead(Struct, frozen=True, forbid_unknown_fields=True):
    """An anchored head, with the consistency proof to the head of ``before`` entries; 0 and no proof for the first."""

    evidence: Evidence
    before: UInt64
    proof: Proof

    def __post_init__(self) -> None:
        if not isinstance(self.evidence.statement.message, UseLog):
            raise Malformed(f"a head of the log is a UseLog, and this is a {self.evidence.kind}")
        read_words(self.proof)

    @property
    def message(self) -> UseLog:
        """The signed head."""
        message = self.evidence.statement.message
        assert isinstance(message, UseLog)  # __post_init__ refuses the others
        return message

    @property
    def root(self) -> bytes:
        """The root of the log's first ``message.size`` entries, 32 bytes."""
        return unhex(self.message.root)

    @property
    def siblings(self) -> list[bytes]:
        """The hashes of the proof."""
        return [unhex(each) for each in self.proof]


class UsesPage(Struct, frozen=True, forbid_unknown_fields=True):
    """What a brand shows to the person of a ``grant``: heads of its log, and the entries of that grant alone, in order.

    ``more`` tells whether there are further heads or entries.
    """

    grant: Bytes32
    heads: Annotated[tuple[LogHead, ...], Meta(max_length=MOST_ON_A_PAGE)]
    uses: Annotated[tuple[LoggedUse, ...], Meta(max_length=MOST_ON_A_PAGE)]
    more: bool
    type: Literal["ConsentUses"] = "ConsentUses"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_words((self.grant,))
        if any(each.use.grant != self.grant for each in self.uses):
            raise Malformed("an entry is of another grant")


_page_decoder = msgspec.json.Decoder(UsesPage)


def write_page(page: UsesPage) -> bytes:
    """Return the bytes of a page."""
    return codec.encode(page)


def parse_page(raw: bytes) -> UsesPage:
    """Parse a page, at most 4 MiB; ``Malformed`` for anything but its one encoding."""
    return codec.decode(raw, _page_decoder, MAX_PAGE)
