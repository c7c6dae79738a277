"""What arrives: commitments and endings as the intake keeps them, and the promises that answer them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from registry.core import codec
from registry.core.crypto.signatures import recover_address
from registry.core.eip712 import Domain, signing_hash
from registry.core.endings import Opening, SignedEnding, SignedRevoke, ending_digest
from registry.core.promises import MAX_ITEMS, promise_hash
from registry.core.scalars import Bytes32, check_distinct, read_address, read_words, to_hex, unhex
from registry.notary.protocols import Signer
from registry.notary.records import FREE, Arrival, Ending, EndingKind, EndingState, NewEnding, Payment, Times

MAX_COMMITMENTS_BODY = 1_024 * 1_024
# What a signed ending may cost, in openings: one that its subject signed, and one that a contract must be asked about.
SIGNED_WEIGHT, CONTRACT_WEIGHT = 2, 10


class _Commitments(Struct, frozen=True, forbid_unknown_fields=True):
    commitments: Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


_decoder = msgspec.json.Decoder(_Commitments)


def read_commitments(raw: bytes) -> tuple[tuple[str, ...], bytes]:
    """Read the body of ``POST /v1/commitments``: the words as they came, and their bytes. ``Malformed`` otherwise."""
    words = codec.loads(raw, _decoder, MAX_COMMITMENTS_BODY).commitments
    items = read_words(words)
    check_distinct(items, "a commitment")
    return words, b"".join(items)


def new_arrival(items: bytes, now: int, seconds: int, payment: Payment = FREE) -> Arrival:
    """Return a request that arrived ``now`` and is promised within ``seconds``."""
    return Arrival(key_of(items), items, Times(now, now + seconds), payment)


def key_of(items: bytes) -> bytes:
    """Return what recognises a repeat: the commitment itself (32 bytes), or 33 bytes for a request of several.

    A commitment may be any word, the hash of a request too. Of one length, the two could be taken for each other.
    """
    return items if len(items) == 32 else b"\x01" + sha256(items).digest()


def new_ending(domain: Domain, ending: Opening | SignedEnding, now: int, seconds: int) -> NewEnding:
    """Return an ending that arrived ``now``. One that is promised is due within ``seconds``, any other at 0."""
    body = codec.encode(ending)
    if isinstance(ending, Opening):
        return NewEnding(unhex(ending.handle), EndingKind.OPENING, body, Times(now, now + seconds))
    kind = EndingKind(str(type(ending).__struct_config__.tag))
    digest = ending_digest(domain, ending)
    # A contract's signature is good or bad as its owners please, so only plain ECDSA is promised.
    is_plain = recover_address(digest, unhex(ending.signature)) == read_address(ending.message.subject)
    weight = SIGNED_WEIGHT if is_plain else CONTRACT_WEIGHT
    if not isinstance(ending, SignedRevoke):
        return NewEnding(digest, kind, body, Times(now, 0), weight)
    return NewEnding(unhex(ending.message.handle), kind, body, Times(now, now + seconds if is_plain else 0), weight)


class Promised(NamedTuple):
    """What is promised: the words, as hex and as bytes one after another, and the times."""

    words: Sequence[str]
    raw: bytes
    times: Times
    relay: bool = False


def sign_promise(domain: Domain, signer: Signer, promised: Promised) -> bytes:
    """Return a signed promise as JSON; the same for the same words and times, because the signature is."""
    times, relay = promised.times, promised.relay
    digest = promise_hash(promised.raw, times.received_at, times.due, relay=relay)
    items, due = ("handles", "relayBy") if relay else ("commitments", "anchorBy")
    message = {items: promised.words, "receivedAt": times.received_at, due: times.due}
    statement = {"primaryType": "RelayPromise" if relay else "Promise", "domain": domain, "message": message}
    signature = to_hex(signer.sign_hash(signing_hash(domain, digest)))
    return codec.encode({"statement": statement, "signature": signature})


def relayed_together(endings: Sequence[Ending]) -> Promised | None:
    """Return what one promise says of these endings, with the latest of their times; None where none is promised.

    A promise for later than the first one of a handle is true too. A repeat has the same times, so it gets the same.
    """
    promised = [one for one in endings if one.times.due and one.state is not EndingState.REFUSED]
    if not promised:
        return None
    times = Times(max(one.times.received_at for one in promised), max(one.times.due for one in promised))
    return Promised([to_hex(one.key) for one in promised], b"".join(one.key for one in promised), times, relay=True)
