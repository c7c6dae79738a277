"""Where a record came from that a brand sent: the brand, and its own name for the record."""

from __future__ import annotations

import re

from msgspec import Struct

from registry.core.errors import Malformed
from registry.core.scalars import Address, known_address

_ID = re.compile(r"[!-~]{1,200}")


class Origin(Struct, frozen=True, forbid_unknown_fields=True):
    """The brand that sent a record (``controller``), and its own name for it: 1 to 200 printable ASCII characters."""

    controller: Address
    id: str

    def __post_init__(self) -> None:
        known_address(self.controller)
        check_origin_id(self.id)


def check_origin_id(value: str) -> str:
    """Return a brand's own name for something if it is one; otherwise ``Malformed``."""
    if not _ID.fullmatch(value):
        raise Malformed(f"the brand's id {value[:80]!r} is not 1 to 200 printable ASCII characters without a space")
    return value
