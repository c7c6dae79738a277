"""A notary's promises: by when it anchors a commitment, or relays an ending, and whether the chain shows that it did.

Both are EIP-712 statements in the registry's domain, signed by plain ECDSA with the notary's account. They are not
anchored.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.crypto.keccak import keccak256
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import Domain, signing_hash
from registry.core.errors import BadSignature, InvalidInput, Malformed, NotIncluded
from registry.core.facts import Facts, HandleQuery
from registry.core.file_kinds import PROMISE, as_another
from registry.core.merkle import root_from
from registry.core.scalars import (
    ZERO_WORD,
    Address,
    Bytes32,
    Signature,
    UInt64,
    check_distinct,
    checksum,
    read_address,
    read_hex,
    read_words,
    unhex,
)

MAX_ITEMS = 10_000
MAX_PROMISE = 2 * 1024 * 1024

PROMISE_TYPE = "Promise(bytes32[] commitments,uint64 receivedAt,uint64 anchorBy)"
RELAY_PROMISE_TYPE = "RelayPromise(bytes32[] handles,uint64 receivedAt,uint64 relayBy)"

_Words = Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class Promise(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The notary will have anchored each of these commitments by ``anchor_by``. Times are unix seconds."""

    commitments: _Words
    received_at: UInt64
    anchor_by: UInt64

    def __post_init__(self) -> None:
        _check(self.items, self.received_at, self.due)

    @property
    def items(self) -> tuple[str, ...]:
        """The commitments."""
        return self.commitments

    @property
    def due(self) -> int:
        """``anchor_by``."""
        return self.anchor_by


class RelayPromise(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The notary will have revoked each of these handles by ``relay_by``. Times are unix seconds."""

    handles: _Words
    received_at: UInt64
    relay_by: UInt64

    def __post_init__(self) -> None:
        _check(self.items, self.received_at, self.due)

    @property
    def items(self) -> tuple[str, ...]:
        """The handles."""
        return self.handles

    @property
    def due(self) -> int:
        """``relay_by``."""
        return self.relay_by


def _check(items: tuple[str, ...], received_at: int, due: int) -> None:
    read_words(items)
    check_distinct(items, "item of a promise")
    if due < received_at:
        raise Malformed("the promise was due before it was given")


class _Statement(Struct, frozen=True, forbid_unknown_fields=True, tag_field="primaryType"):
    domain: Domain


class _OfPromise(_Statement, frozen=True, tag="Promise"):
    message: Promise


class _OfRelayPromise(_Statement, frozen=True, tag="RelayPromise"):
    message: RelayPromise


class SignedPromise(Struct, frozen=True, forbid_unknown_fields=True):
    """A promise with the notary's signature, as answers carry it."""

    statement: _OfPromise | _OfRelayPromise
    signature: Signature

    def __post_init__(self) -> None:
        read_hex(self.signature, "signature")

    @property
    def message(self) -> Promise | RelayPromise:
        """What is promised."""
        return self.statement.message

    @property
    def notary(self) -> str:
        """The account that signed, checksummed; ``BadSignature`` where it is not plain ECDSA."""
        found = recover_address(promise_digest(self.statement.domain, self.message), unhex(self.signature))
        if found is None:
            raise BadSignature("the promise is not signed by plain ECDSA", "Ask another notary.")
        return checksum(found)


class PromiseFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One promise for one commitment or handle, kept so that anybody can check whether the notary held it.

    ``item`` is a commitment or a handle of the promise; ``notary`` the account that the client had been told;
    ``anchor`` the proof, if one is known.
    """

    promise: SignedPromise
    item: Bytes32
    notary: Address
    anchor: Anchor | UnsetType = UNSET
    type: Literal["ConsentPromise"] = "ConsentPromise"
    version: Literal[1] = 1

    def __post_init__(self) -> None:
        read_address(self.notary)
        if self.item not in self.promise.message.items:
            raise Malformed("the promise does not name this item")
        if self.promise.notary != self.notary:
            raise BadSignature("the promise is not signed by the named notary", "Do not rely on it.")


class PromiseState(StrEnum):
    """How a promise stands. ``LATE`` of a `RelayPromise` is proof.

    ``LATE`` of a `Promise` and ``UNSHOWN`` are not: anybody can anchor a commitment again, and later, so one proof of
    an earlier anchor clears the notary.
    """

    KEPT = "Kept"
    LATE = "Late"
    OPEN = "Open"
    UNSHOWN = "Unshown"


def sign_statement(domain: Domain, message: Promise | RelayPromise, signature: str) -> SignedPromise:
    """Put a promise and its signature (0x hex) into the form that answers carry."""
    if isinstance(message, Promise):
        return SignedPromise(_OfPromise(domain, message), signature)
    return SignedPromise(_OfRelayPromise(domain, message), signature)


def promise_hash(items: bytes, received_at: int, due: int, *, relay: bool = False) -> bytes:
    """``hashStruct`` of a promise over the concatenated 32-byte ``items``: 32 bytes."""
    times = received_at.to_bytes(32, "big") + due.to_bytes(32, "big")
    return keccak256((_RELAY_HASH if relay else _PROMISE_HASH) + keccak256(items) + times)


def promise_digest(domain: Domain, message: Promise | RelayPromise) -> bytes:
    """Return the EIP-712 signing hash of a promise, 32 bytes."""
    items = b"".join(map(unhex, message.items))
    relay = isinstance(message, RelayPromise)
    return signing_hash(domain, promise_hash(items, message.received_at, message.due, relay=relay))


_PROMISE_HASH, _RELAY_HASH = keccak256(PROMISE_TYPE.encode()), keccak256(RELAY_PROMISE_TYPE.encode())


def promise_query(message: Promise | RelayPromise, item: str, anchor: Anchor | None = None) -> HandleQuery:
    """Return what `judge_promise` needs to know of the chain."""
    if isinstance(message, RelayPromise):
        return HandleQuery(ZERO_WORD, item)
    return HandleQuery(ZERO_WORD if anchor is None else anchor.root, ZERO_WORD)


def judge_promise(
    message: Promise | RelayPromise, item: str, facts: Facts, anchor: Anchor | None = None
) -> PromiseState:
    """Judge one commitment or handle of a promise, by the chain's time (docs/formats.md, "Promises").

    ``facts`` answer `promise_query`. A reorganisation or a stalled chain excuses nothing. ``InvalidInput`` where the
    promise does not name the item, ``NotIncluded`` where the anchor's proof does not lead to its root.
    """
    if item not in message.items:
        raise InvalidInput("the promise does not name this item", "Name one of its commitments or handles.")
    if anchor is not None and isinstance(message, Promise) and not _leads_to_root(item, anchor):
        raise NotIncluded("the proof does not lead to its root")
    known = facts.anchors[promise_query(message, item, anchor)]
    done = known.revoked_at if isinstance(message, RelayPromise) else known.anchored_at
    if done:
        return PromiseState.KEPT if done <= message.due else PromiseState.LATE
    if facts.block_time <= message.due:
        return PromiseState.OPEN
    return PromiseState.LATE if isinstance(message, RelayPromise) else PromiseState.UNSHOWN


def _leads_to_root(item: str, anchor: Anchor) -> bool:
    return root_from(unhex(item), map(unhex, anchor.proof)) == unhex(anchor.root)


_signed_decoder = msgspec.json.Decoder(SignedPromise)
_file_decoder = msgspec.json.Decoder(PromiseFile)


def parse_signed_promise(raw: bytes) -> SignedPromise:
    """Parse a signed promise in any layout; ``Malformed`` for anything else."""
    return codec.loads(raw, _signed_decoder, MAX_PROMISE)


def parse_promise_file(raw: bytes) -> PromiseFile:
    """Parse the file of one promise, whose bytes are RFC 8785; ``Malformed`` for anything else."""
    try:
        return codec.decode(raw, _file_decoder, MAX_PROMISE)
    except Malformed as error:
        advice = "Give a file as a home keeps it in promises/."
        raise as_another(Malformed(str(error), advice), raw, PROMISE) from None


def write_promise_file(file: PromiseFile) -> bytes:
    """Return the file's bytes."""
    return codec.encode(file)
