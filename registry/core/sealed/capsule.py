"""Capsules hand over a grant's bundles; stream updates continue them (docs/formats.md, "The personal database")."""

from __future__ import annotations

from typing import ClassVar, Literal

from registry.core.age.recipients import Identity, parse_recipient
from registry.core.errors import InvalidInput, Malformed, WrongCapsule
from registry.core.scalars import Address, Bytes32, check_address, read_words
from registry.core.sealed.bundles import BundleKey, check_keys
from registry.core.sealed.documents import Signed, check_signature, open_document, parse_sealed
from registry.core.sealed.records import Count
from registry.core.statements.messages import Grant

MAX_SEALED = 256 * 1024
MAX_PLAIN = 1024 * 1024


class Capsule(Signed, frozen=True, kw_only=True):
    """The bundles that a grant hands over, for whom, and where the brand may write to (``mailbox``, of age)."""

    MAX_SEALED: ClassVar[int] = MAX_SEALED
    MAX_PLAIN: ClassVar[int] = MAX_PLAIN

    subject: Address
    controller: Address
    lock: Bytes32
    vault_key: Bytes32
    mailbox: str
    streams: tuple[BundleKey, ...]
    type: Literal["Capsule"] = "Capsule"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_address(self.subject)
        check_address(self.controller)
        read_words((self.lock, self.vault_key))
        try:
            parse_recipient(self.mailbox)
        except InvalidInput as error:
            raise Malformed(f"the mailbox is no age recipient: {error}") from None

    def check_lists(self) -> None:
        check_keys(self.streams)


class StreamUpdate(Signed, frozen=True, kw_only=True):
    """All bundles of a grant with their newest heads. The brand keeps the update with the largest ``number``."""

    MAX_SEALED: ClassVar[int] = MAX_SEALED
    MAX_PLAIN: ClassVar[int] = MAX_PLAIN

    grant: Bytes32
    number: Count
    streams: tuple[BundleKey, ...]
    type: Literal["StreamUpdate"] = "StreamUpdate"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_words((self.grant,))

    def check_lists(self) -> None:
        check_keys(self.streams)


def open_capsule(sealed: bytes, identity: str | Identity, grant: Grant) -> Capsule:
    """Open a capsule; ``WrongCapsule`` if it was made for another subject, controller or grant.

    ``NotARecipient`` for another identity, ``DamagedSeal`` for altered bytes, ``Malformed`` for a repeated stream.
    """
    capsule = parse_sealed(Capsule, sealed, identity)
    for name, wanted in (("subject", grant.subject), ("controller", grant.controller), ("lock", grant.revocation)):
        if getattr(capsule, name) != wanted:
            raise WrongCapsule(f"the capsule was made for another {name}")
    check_signature(capsule, capsule.vault_key)
    return capsule


def open_update(sealed: bytes, identity: str | Identity, grant: str, vault_key: str) -> StreamUpdate:
    """Open an update; ``WrongCapsule`` if it is for another grant (its digest), or not by the ``vaultKey``."""
    update = open_document(StreamUpdate, sealed, identity, vault_key)
    if update.grant != grant:
        raise WrongCapsule("the update was made for another grant")
    return update
