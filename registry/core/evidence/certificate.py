"""The certificate of an erasure of evidence: what was removed where, how it was looked for, and what is out of reach.

It is for others, so it names nothing that leads to a statement: no digest, mark, address, brand, path, or hour. It is
not signed either: one key on all certificates would link what a person shows to different brands.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.errors import Malformed
from registry.core.scalars import check_distinct
from registry.core.sealed.certificate import CopySearched, Searched
from registry.core.sealed.records import Size, check_time

MAX_EVIDENCE_CERTIFICATE = 1 << 20
_Text = Annotated[str, Meta(min_length=1, max_length=1_000)]


class Removed(Struct, frozen=True, forbid_unknown_fields=True):
    """How many files went from one folder of the home."""

    folder: _Text
    files: Size


class HomeSearched(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How many files of the home were read for how many traces; how many hold one, and how many cannot be read.

    ``book`` is the number of traces in the vault's book, unsealed.
    """

    files: Size
    looked_for: Size
    found: Size
    unknown: Size
    book: Size


class EvidenceCertificate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one erasure of evidence removed: how many grants and refusals, on which ``day`` (UTC)."""

    day: str
    grants: Size
    refusals: Size
    removed: tuple[Removed, ...]
    places: tuple[Searched, ...]
    home: HomeSearched
    copy: CopySearched
    remains: tuple[_Text, ...]
    type: Literal["EvidenceCertificate"] = "EvidenceCertificate"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        if "T" in check_time(self.day):
            raise Malformed("a certificate of erased evidence names a day, and no time")

    @property
    def is_complete(self) -> bool:
        """Whether all that we control was looked into, and nothing of the statements was found."""
        is_gone = all(one.absent == one.blocks for one in self.places)
        is_clean = not (self.home.found or self.home.unknown or self.home.book or self.copy.found)
        return is_gone and is_clean and self.copy.trouble is None


_decoder = msgspec.json.Decoder(EvidenceCertificate)


def parse_evidence_certificate(raw: bytes) -> EvidenceCertificate:
    """Parse a certificate of erased evidence; ``Malformed`` for anything else."""
    made = codec.decode(raw, _decoder, MAX_EVIDENCE_CERTIFICATE)
    check_distinct([one.folder for one in made.removed], "a folder")
    check_distinct([one.place for one in made.places], "a place")
    return made
