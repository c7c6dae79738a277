"""Evidence as call data: what a contract takes that asks ConsentVerifier, or that inherits ConsentGate.

In an ``eth_call`` it publishes nothing. In a transaction it publishes the grant for ever, which needs the subject's
explicit choice. Strings travel as their keccak256, as ``contracts/ConsentTypes.sol`` has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import UNSET

from registry.core.anchor import Anchor
from registry.core.errors import InvalidInput
from registry.core.evidence.file import Evidence
from registry.core.scalars import hash_text, is_term, read_address
from registry.core.statements.messages import Grant
from registry.ledger.abi import selector

_GRANT = (
    "(bytes32,address,address,bytes32,bytes32[],bytes32[],bytes32,bytes32,bytes32,bytes32,uint64,uint64,uint64,"
    "bytes32,bytes32)"
)
EVIDENCE = f"({_GRANT},bytes,bytes32,bytes32[])"
_CHECK = selector(f"check({EVIDENCE},address,bytes32,bytes32)")


class _Tail(NamedTuple):
    """The encoding of a dynamic value, which stands behind the heads."""

    encoded: bytes


def check_calldata(evidence: Evidence, *, purpose: str, data: str, controller: str | None = None) -> bytes:
    """Return the call of ``ConsentVerifier.check``: may ``controller`` use ``data`` for ``purpose`` by this evidence?

    ``controller`` is a checksummed address (else ``Malformed``), by default the grant's own. ``InvalidInput`` if the
    contract could only refuse the evidence, or a term is malformed. The call returns a ``Status``; 1 is yes, and
    everything else is no.
    """
    message, anchor = _parts(evidence)
    asked = read_address(controller or message.controller)
    return _CHECK + _encoded(_evidence(evidence, message, anchor), asked, _term(purpose), _term(data))


def evidence_argument(evidence: Evidence) -> bytes:
    """Return ``abi.encode(evidence)``: the argument of a gate's function that takes only ``Evidence``.

    `check_calldata` says what is ``InvalidInput``.
    """
    return _encoded(_evidence(evidence, *_parts(evidence)))


def _parts(evidence: Evidence) -> tuple[Grant, Anchor]:
    message = evidence.statement.message
    if not isinstance(message, Grant) or evidence.anchor is UNSET:
        raise InvalidInput(f"contracts judge grants only, and this is a {evidence.kind}", "Name a grant's file.")
    if evidence.mandate is not UNSET:
        advice = "Check it off chain, with `consent verify`, or ask for a grant that the subject signed."
        raise InvalidInput("a delegate signed this grant, and contracts refuse that", advice)
    return message, evidence.anchor


def _term(value: str) -> bytes:
    if not is_term(value):
        raise InvalidInput(f"{value[:80]!r} is not a term", "Write it as in the grant: dpv:Personalisation.")
    return hash_text(value)


def _evidence(evidence: Evidence, message: Grant, anchor: Anchor) -> _Tail:
    _, root, *proof = anchor.words
    signature = evidence.signature_bytes
    carried = _Tail(_word(len(signature)) + signature + bytes(-len(signature) % 32))
    return _Tail(_encoded(_grant(message), carried, root, _list(proof)))


def _grant(message: Grant) -> _Tail:
    subject, controller = message.read.addresses
    request, notice, content, supersedes, revocation, salt = message.read.words
    purposes, data = (_list(map(hash_text, terms)) for terms in (message.purposes, message.data))
    texts = hash_text(message.statement), hash_text(message.terms)
    times = message.issued_at, message.not_before, message.expires_at
    first = texts[0], subject, controller, request, purposes, data, texts[1]
    return _Tail(_encoded(*first, notice, content, supersedes, *times, revocation, salt))


def _list(words: Iterable[bytes]) -> _Tail:
    joined = b"".join(words)
    return _Tail(_word(len(joined) // 32) + joined)


def _encoded(*values: bytes | int | _Tail) -> bytes:
    """Encode heads, then tails. A dynamic value's head is the offset of its tail."""
    head, tail = b"", b""
    for value in values:
        if isinstance(value, _Tail):
            head += _word(32 * len(values) + len(tail))
            tail += value.encoded
        else:
            head += _word(value)
    return head + tail


def _word(value: bytes | int) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")
