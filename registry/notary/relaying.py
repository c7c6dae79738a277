"""Endings as calls of the registry: openings together, each signed ending alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from secrets import SystemRandom

import msgspec

from registry.core.endings import MAX_ENDINGS, Opening, SignedEnding, SignedRetire, SignedRevoke, SignedRevokeAll
from registry.ledger import abi
from registry.notary.records import Ending, EndingKind, TxKind

_opening = msgspec.json.Decoder(Opening)
_signed: msgspec.json.Decoder[SignedEnding] = msgspec.json.Decoder(SignedEnding)
_random = SystemRandom()


def in_transactions(endings: Sequence[Ending]) -> Iterator[list[Ending]]:
    """Yield the endings of one transaction after another: openings first, at most 100, shuffled.

    The order of ``endings`` decides which openings go together; their order in a transaction says nothing.
    """
    openings = [ending for ending in endings if ending.kind is EndingKind.OPENING]
    for start in range(0, len(openings), MAX_ENDINGS):
        group = openings[start : start + MAX_ENDINGS]
        _random.shuffle(group)
        yield group
    yield from ([ending] for ending in endings if ending.kind is not EndingKind.OPENING)


def call_of(endings: Sequence[Ending]) -> tuple[TxKind, bytes]:
    """Return the call data that relays these openings, or this one signed ending."""
    if endings[0].kind is EndingKind.OPENING:
        openings = [_opening.decode(ending.body) for ending in endings]
        return TxKind.REVOKE_BATCH, abi.encode("revokeBatch", [[(one.secret, one.tag) for one in openings]])
    kind, args = _arguments(_signed.decode(endings[0].body))
    return kind, abi.encode(kind, args)


def _arguments(ending: SignedEnding) -> tuple[TxKind, list[str | int]]:
    subject, signature = ending.message.subject, ending.signature
    match ending:
        case SignedRevoke():
            return TxKind.REVOKE_OPENLY, [subject, ending.lock, ending.salt_hash, signature]
        case SignedRevokeAll():
            return TxKind.REVOKE_ALL, [subject, ending.message.issued_until, signature]
        case SignedRetire():
            return TxKind.RETIRE, [subject, signature]
