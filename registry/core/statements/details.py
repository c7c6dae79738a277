"""The document behind a Mandate's ``details``: limits and instructions, for delegate, person and auditor alone.

No brand sees it: its ``salt`` keeps anybody from guessing it. `judge` does not look at it. Past a limit an act holds,
and the delegate has broken its duty (`registry.core.evidence.reports`).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.core import codec
from registry.core.notices.document import check_plain
from registry.core.notices.plain_text import TEXT
from registry.core.scalars import MAX_DURATION, Bytes32, read_words, to_hex

MAX_DETAILS = 64 * 1024
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Days = Annotated[int, Meta(ge=1, le=MAX_DURATION // 86_400)]


class Limits(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Bounds of what is done under a mandate: ``acts`` in all and ``per_day`` (UTC), and the ``days`` of each Grant."""

    acts: _Count | UnsetType = UNSET
    per_day: _Count | UnsetType = UNSET
    days: _Days | UnsetType = UNSET


class Details(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits, and instructions in the person's own words."""

    limits: Limits
    salt: Bytes32
    instructions: str | UnsetType = UNSET
    schema: Literal["consent-mandate/1"] = "consent-mandate/1"

    def __post_init__(self) -> None:
        read_words((self.salt,))
        if self.instructions is not UNSET:
            check_plain(self.instructions, TEXT, "instructions")


_decoder = msgspec.json.Decoder(Details)


def parse_details(raw: bytes) -> Details:
    """Parse the one encoding of the document, at most 64 KiB; everything else is ``Malformed``."""
    return codec.decode(raw, _decoder, MAX_DETAILS)


def write_details(details: Details) -> bytes:
    """Encode the document as RFC 8785 bytes."""
    return codec.encode(details)


def details_digest(raw: bytes) -> str:
    """SHA-256 of the document's bytes, 0x hex: a Mandate's ``details``."""
    return to_hex(sha256(raw).digest())
