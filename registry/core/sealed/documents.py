"""What all signed documents of a vault have in common: one encoding, an Ed25519 signature, a frame, and a seal.

age authenticates no sender, so a vault's key signs the RFC 8785 bytes of each document without ``signature``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.age.recipients import Identity
from registry.core.age.stream import open_bytes, seal_bytes
from registry.core.errors import DamagedSeal, InvalidInput, Malformed, WrongCapsule
from registry.core.scalars import to_hex, unhex
from registry.core.sealed.frame import pack, unpack

Ed25519Signature = Annotated[str, Meta(pattern=r"\A0x[0-9a-f]{128}\Z")]
_UNSIGNED = "0x" + "00" * 64
# One class repeated: a repeated group would take 2 GB for half a million marks.
_HEX = re.compile(r"[0-9a-f]+")


class Signed(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A document of a vault. ``MAX_SEALED`` bounds its sealed bytes, ``MAX_PLAIN`` its JSON."""

    MAX_SEALED: ClassVar[int]
    MAX_PLAIN: ClassVar[int]

    signature: Ed25519Signature = _UNSIGNED

    def check_lists(self) -> None:
        """Refuse a repeated entry as ``Malformed``: a short list would else become any amount of opened data."""


_Document = TypeVar("_Document", bound=Signed)


def public_key_of(key: Ed25519PrivateKey) -> str:
    """``vaultKey``: 0x hex of the 32-byte public key."""
    return to_hex(key.public_key().public_bytes_raw())


def signed(document: _Document, key: Ed25519PrivateKey) -> _Document:
    """Return the document with this key's signature in it."""
    return msgspec.structs.replace(document, signature=to_hex(key.sign(_signable(document))))


def check_signature(document: Signed, signer: str) -> None:
    """Require that this public key signed the document; otherwise ``WrongCapsule``."""
    try:
        key = Ed25519PublicKey.from_public_bytes(unhex(signer))
        key.verify(unhex(document.signature), _signable(document))
    except (InvalidSignature, ValueError):
        raise WrongCapsule("it is not signed by the vault it claims to come from") from None


def seal_document(document: Signed, recipient: str) -> bytes:
    """Seal a signed document as it is stored; ``Malformed`` if it repeats an entry, ``InvalidInput`` if too large."""
    document.check_lists()
    plain, most = codec.encode(document), document.MAX_SEALED
    sealed = seal_bytes(pack(plain, most), [recipient]) if len(plain) <= document.MAX_PLAIN else None
    if sealed is None or len(sealed) > most:
        raise InvalidInput(f"the {type(document).__name__} is larger than {most // 1024:,} KiB", "Put less into it.")
    return sealed


def parse_sealed(kind: type[_Document], sealed: bytes, identity: str | Identity) -> _Document:
    """Open and parse a document, and check its lists. The caller checks whose it is.

    ``NotARecipient`` for another identity, ``DamagedSeal`` for what is no such document, ``Malformed`` for a repeat.
    """
    if len(sealed) > kind.MAX_SEALED:
        raise DamagedSeal(f"it is longer than {kind.MAX_SEALED:,} bytes")
    plain = unpack(open_bytes(sealed, [identity]), kind.MAX_PLAIN)
    try:
        document = codec.decode(plain, msgspec.json.Decoder(kind), kind.MAX_PLAIN)
    except (InvalidInput, Malformed) as error:
        # It decrypted, so its sealer wrote it this way: not an answer about consent.
        raise DamagedSeal(f"what was sealed is not what it should be: {error}") from None
    document.check_lists()
    return document


def open_document(kind: type[_Document], sealed: bytes, identity: str | Identity, signer: str) -> _Document:
    """Open a document like `parse_sealed` and require that this public key signed it; otherwise ``WrongCapsule``."""
    document = parse_sealed(kind, sealed, identity)
    check_signature(document, signer)
    return document


def check_hex(value: str, size: int, what: str) -> str:
    """Return ``size`` bytes in lower-case hex without 0x: names, homes, secrets. Otherwise ``Malformed``."""
    if len(value) != 2 * size or not _HEX.fullmatch(value):
        # Not shown: it may be a secret.
        raise Malformed(f"{what} is not {size} bytes in lower-case hex without 0x")
    return value


def _signable(document: Signed) -> bytes:
    members: dict[str, Any] = msgspec.to_builtins(document)
    del members["signature"]
    return codec.encode(members)
