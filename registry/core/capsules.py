"""Capsules (the keys that a grant hands over) and stream heads (the records of a stream).

Their form is in docs/formats.md, "Sealed data".

age authenticates no sender, so the vault's Ed25519 key signs the RFC 8785 bytes of both without their signature.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, WrongCapsule
from registry.core.ipld.cid import digest_of_cid
from registry.core.scalars import (
    Address,
    Bytes32,
    UInt64,
    check_address,
    check_distinct,
    check_term,
    read_words,
    to_hex,
    unhex,
)
from registry.core.statements.messages import Grant

MAX_CAPSULE = 256 * 1024
MAX_HEAD = 1024 * 1024

Ed25519Signature = Annotated[str, Meta(pattern=r"\A0x[0-9a-f]{128}\Z")]
_UNSIGNED = "0x" + "00" * 64


class RecordRef(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One sealed record: its CID, the schema of its body, and its media type (RFC 6838)."""

    cid: str
    schema: str
    media_type: str

    def __post_init__(self) -> None:
        digest_of_cid(self.cid)


class StreamHead(Struct, frozen=True, forbid_unknown_fields=True):
    """The records of one stream (a category in an epoch) at version ``number``."""

    stream: str
    epoch: Annotated[int, Meta(ge=1)]
    number: Annotated[int, Meta(ge=1)]
    previous: str | None
    records: tuple[RecordRef, ...]
    signature: Ed25519Signature = _UNSIGNED
    type: Literal["StreamHead"] = "StreamHead"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_term(self.stream, "stream")
        if (self.number == 1) != (self.previous is None):
            raise Malformed("only a head of number 1 has no previous one")


class StreamKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The key to one stream: its age identity and its newest head.

    ``names`` are the person's own names of the head's records, in their order; none where the person keeps them.
    """

    category: str
    epoch: UInt64
    identity: str
    head: str
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_term(self.category, "category")
        digest_of_cid(self.head)

    def __repr__(self) -> str:
        return f"StreamKey(category={self.category!r}, epoch={self.epoch}, head={self.head!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec's default would show the identity.
        return [("category", self.category), ("epoch", self.epoch), ("head", self.head)]


class Capsule(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The stream keys that a grant hands over, with its subject and controller and the vault's public key."""

    subject: Address
    controller: Address
    lock: Bytes32
    vault_key: Bytes32
    streams: tuple[StreamKey, ...]
    signature: Ed25519Signature = _UNSIGNED
    type: Literal["Capsule"] = "Capsule"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        check_address(self.subject)
        check_address(self.controller)
        read_words((self.lock, self.vault_key))


_Signed = TypeVar("_Signed", StreamHead, Capsule)
_heads = msgspec.json.Decoder(StreamHead)
_capsules = msgspec.json.Decoder(Capsule)


def public_key_of(key: Ed25519PrivateKey) -> str:
    """``vaultKey``: 0x hex of the 32-byte public key."""
    return to_hex(key.public_key().public_bytes_raw())


def signed(document: _Signed, key: Ed25519PrivateKey) -> _Signed:
    """Return the document with the vault key's signature in it."""
    return msgspec.structs.replace(document, signature=to_hex(key.sign(_signable(document))))


def seal_capsule(capsule: Capsule, recipient: str) -> bytes:
    """Seal a capsule to the recipient in the controller's notice: one raw block of at most 256 KiB.

    ``Malformed`` if it repeats a stream or a head.
    """
    _check_list(capsule)
    sealed = seal_bytes(codec.encode(capsule), [recipient])
    if len(sealed) > MAX_CAPSULE:
        raise InvalidInput("the capsule is larger than 256 KiB", "Grant fewer categories at a time.")
    return sealed


def open_capsule(sealed: bytes, identity: str, grant: Grant) -> Capsule:
    """Open a capsule with this age identity; ``WrongCapsule`` if it was made for another subject, controller or grant.

    ``NotARecipient`` for another identity, ``DamagedSeal`` for altered bytes, ``Malformed`` for a repeated stream.
    """
    capsule = _parse(open_bytes(sealed, [identity]), _capsules, MAX_CAPSULE)
    for name, wanted in (("subject", grant.subject), ("controller", grant.controller), ("lock", grant.revocation)):
        if getattr(capsule, name) != wanted:
            raise WrongCapsule(f"the capsule was made for another {name}")
    _check_signature(capsule, capsule.vault_key)
    _check_list(capsule)
    return capsule


def seal_head(head: StreamHead, recipient: str) -> bytes:
    """Seal a head to its stream, as it is stored; ``Malformed`` if it repeats a record."""
    _check_list(head)
    return seal_bytes(codec.encode(head), [recipient])


def open_head(sealed: bytes, key: StreamKey, vault_key: str) -> StreamHead:
    """Open a head and check that the vault signed it for this stream; otherwise ``WrongCapsule``.

    ``Malformed`` if it repeats a record.
    """
    head = _parse(open_bytes(sealed, [key.identity]), _heads, MAX_HEAD)
    if (head.stream, head.epoch) != (key.category, key.epoch):
        raise WrongCapsule(f"the head belongs to {head.stream}, epoch {head.epoch}")
    _check_signature(head, vault_key)
    _check_list(head)
    return head


def _check_list(document: StreamHead | Capsule) -> None:
    """Refuse a repeated entry: a short list would otherwise become any amount of opened data."""
    if isinstance(document, StreamHead):
        check_distinct([record.cid for record in document.records], "a record")
        return
    check_distinct([(key.category, key.epoch) for key in document.streams], "a stream")
    check_distinct([key.head for key in document.streams], "a head")


def _signable(document: StreamHead | Capsule) -> bytes:
    members = msgspec.to_builtins(document)
    del members["signature"]
    return codec.encode(members)


def _check_signature(document: StreamHead | Capsule, vault_key: str) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(unhex(vault_key))
        key.verify(unhex(document.signature), _signable(document))
    except (InvalidSignature, ValueError):
        raise WrongCapsule("it is not signed by the vault it claims to come from") from None


def _parse(raw: bytes, decoder: msgspec.json.Decoder[_Signed], limit: int) -> _Signed:
    try:
        return codec.decode(raw, decoder, limit)
    except (InvalidInput, Malformed) as error:
        # It decrypted, so its sealer wrote it this way: not an answer about consent.
        raise DamagedSeal(f"what was sealed is not what it should be: {error}") from None
