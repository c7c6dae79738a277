"""The certificate of an erasure: what was shredded, where it was looked for afterwards, and what stays out of reach.

The owner's key signs it (docs/formats.md, "The personal database"). It holds no id and no content, only marks.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.scalars import Address, Bytes32, check_address, check_distinct, check_term, read_words
from registry.core.sealed.documents import Signed, check_hex, check_signature
from registry.core.sealed.index import MARK_BYTES
from registry.core.sealed.records import Size, check_time

MAX_CERTIFICATE = 64 << 20
_Text = Annotated[str, Meta(min_length=1, max_length=1_000)]


class Counted(Struct, frozen=True, forbid_unknown_fields=True):
    """How many records of a category were shredded."""

    category: str
    records: Size

    def __post_init__(self) -> None:
        check_term(self.category, "category")


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """A record on a legal hold: it was not shredded, and may be from the day ``until``."""

    mark: str
    until: str
    reason: _Text

    def __post_init__(self) -> None:
        check_hex(self.mark, MARK_BYTES, "a mark")
        check_time(self.until)


class Searched(Struct, frozen=True, forbid_unknown_fields=True):
    """Where blocks were looked for after they were erased: each is absent, still there, or could not be checked."""

    place: _Text
    blocks: Size
    absent: Size
    there: Size
    unknown: Size

    def __post_init__(self) -> None:
        if self.absent + self.there + self.unknown != self.blocks:
            raise Malformed("absent, there and unknown blocks are not all blocks")


class TakenBack(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What was taken out of one bundle: ``erased`` for a bundle that went as a whole, else tombstones."""

    controller: Address
    records: Size
    erased: bool

    def __post_init__(self) -> None:
        check_address(self.controller)


class CopySearched(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The working copy, decrypted page by page: how many traces were looked for, and how many were found.

    ``pages`` is 0, and ``trouble`` says why, where it could not be looked into.
    """

    pages: Size
    looked_for: Size
    found: Size
    trouble: str | None


class ShredCertificate(Signed, frozen=True, kw_only=True):
    """What one shredding removed. ``owner`` is the public key that signs it; ``at`` a time in UTC."""

    MAX_SEALED: ClassVar[int] = MAX_CERTIFICATE
    MAX_PLAIN: ClassVar[int] = MAX_CERTIFICATE

    owner: Bytes32
    at: str
    selection: Literal["RECORDS", "CATEGORY", "ALL", "DUE"]
    records: Size
    versions: Size
    categories: tuple[Counted, ...]
    marks: tuple[str, ...]
    kept: tuple[Kept, ...]
    places: tuple[Searched, ...]
    taken_back: tuple[TakenBack, ...]
    copy: CopySearched
    files: tuple[_Text, ...]
    remains: tuple[_Text, ...]
    type: Literal["ShredCertificate"] = "ShredCertificate"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_words((self.owner,))
        check_time(self.at)
        for mark in self.marks:
            check_hex(mark, MARK_BYTES, "a mark")
        if list(self.marks) != sorted(self.marks) or len(self.marks) != self.records:
            raise Malformed("a certificate has one mark for each record, in ascending order")

    def check_lists(self) -> None:
        check_distinct(self.marks, "a mark")
        check_distinct([one.category for one in self.categories], "a category")
        check_distinct([one.place for one in self.places], "a place")

    @property
    def is_complete(self) -> bool:
        """Whether all that we control was looked into, and nothing of the records was found."""
        is_gone = all(one.absent == one.blocks for one in self.places)
        return is_gone and self.copy.trouble is None and not self.copy.found and not self.files


def parse_certificate(raw: bytes) -> ShredCertificate:
    """Parse a certificate and check that its ``owner`` signed it; ``Malformed`` or ``WrongCapsule`` otherwise."""
    made = codec.decode(raw, msgspec.json.Decoder(ShredCertificate), MAX_CERTIFICATE)
    made.check_lists()
    check_signature(made, made.owner)
    return made
