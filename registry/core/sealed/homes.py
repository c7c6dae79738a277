"""The name of a home: what each home of a seed leaves in a store for the others (docs/formats.md, "Homes").

It is sealed to the owner: whoever runs the store sees that there are homes, and when each one changes, and no more.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from registry.core.age.recipients import Identity
from registry.core.errors import WrongCapsule
from registry.core.sealed.documents import Signed, check_hex, open_document
from registry.core.sealed.records import Count, check_cid

MAX_NAME = 16 * 1024
HOME_BYTES = 8


class HomeName(Signed, frozen=True, kw_only=True):
    """The newest index of a home. ``counter`` is that index's own: a smaller one than seen is refused."""

    MAX_SEALED: ClassVar[int] = MAX_NAME
    MAX_PLAIN: ClassVar[int] = MAX_NAME

    home: str
    counter: Count
    index: str
    type: Literal["HomeName"] = "HomeName"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_hex(self.home, HOME_BYTES, "the home")
        check_cid(self.index)


def open_name(sealed: bytes, home: str, identity: str | Identity, signer: str) -> HomeName:
    """Open the name that stands under this home, with the errors of `open_document`; ``WrongCapsule`` for another's."""
    name = open_document(HomeName, sealed, identity, signer)
    if name.home != home:
        raise WrongCapsule("it is the name of another home")
    return name
