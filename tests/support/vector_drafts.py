"""Random evidence for the comparison of Python with Solidity: in order at first, then with up to three faults.

Most faults only *may* break something: a time at the edge of a window, a signature that a contract wallet takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from eth_account import Account
from hypothesis import strategies as st

from registry.core.anchor import Anchor
from registry.core.crypto.signatures import HALF_ORDER
from registry.core.eip712 import Domain, domain_of
from registry.core.evidence.file import Evidence
from registry.core.scalars import MAX_SIGNATURE, to_hex, unhex
from registry.core.statements.typed_data import digest
from tests.support.builders import (
    CHAIN_ID,
    CONTROLLER,
    NOW,
    REGISTRY,
    account,
    anchored,
    evidence_of,
    grant_message,
    notice_bytes,
    word,
)

PURPOSES = ("dpv:Marketing", "dpv:Personalisation")
DATA = ("pd:EmailAddress", "pd:Purchase")
NOTICE = notice_bytes(
    scopes=[{"purposes": list(PURPOSES), "data": list(DATA), "processing": ["dpv:Use"]}], maxDays=3650
)
_DOMAIN = domain_of(CHAIN_ID, REGISTRY)
_ORDER = 2 * HALF_ORDER + 1


@dataclass
class Draft:
    """What one example is made of; ``after`` alters the finished evidence."""

    message: dict[str, Any]
    anchored_at: int
    now: int
    revoked_at: int = 0
    cutoff: int = 0
    signer: str = "alice"
    domain: Domain = _DOMAIN
    others: int = 0
    code: bool | None = None
    asked: tuple[str, str, str] = (CONTROLLER, "", "")
    signature: Callable[[bytes], bytes] = lambda made: made
    after: list[Callable[[Evidence], Evidence]] = field(default_factory=list)


def _subset(pool: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(pool), min_size=1, unique=True).map(sorted).map(tuple)


def _valid(draw: st.DrawFn) -> Draft:
    issued = NOW - draw(st.integers(0, 10**6))
    seen = issued + draw(st.integers(-900, 10**5))
    begins = issued + draw(st.integers(-1000, 1000))
    first = max(issued, begins, seen)
    expires = first + draw(st.integers(1, 10**7))
    message: dict[str, Any] = {
        "purposes": draw(_subset(PURPOSES)),
        "data": draw(_subset(DATA)),
        "issued_at": issued,
        "not_before": begins,
        "expires_at": expires,
        "salt": word(draw(st.integers(1, 10**9))),
    }
    asked = (CONTROLLER, draw(st.sampled_from(message["purposes"])), draw(st.sampled_from(message["data"])))
    now = draw(st.integers(first, expires - 1))
    return Draft(message, seen, now, asked=asked, others=draw(st.integers(0, 20)))


Fault = Callable[[Draft, st.DrawFn], None]

# Faults ----------------------------------------------------------------------------------------------------


def _none(draft: Draft, draw: st.DrawFn) -> None:
    """In order in every respect."""


def _never_anchored(draft: Draft, draw: st.DrawFn) -> None:
    draft.anchored_at = 0


def _dated_ahead(draft: Draft, draw: st.DrawFn) -> None:
    draft.anchored_at = max(1, draft.message["issued_at"] - draw(st.integers(898, 903)))


def _revoked(draft: Draft, draw: st.DrawFn) -> None:
    draft.revoked_at = draft.now - draw(st.integers(0, 100))


def _cutoff(draft: Draft, draw: st.DrawFn) -> None:
    if draw(st.booleans()):
        draft.anchored_at = max(1, draft.message["issued_at"] - 100)
    near = draw(st.sampled_from((draft.message["issued_at"], draft.anchored_at)))
    draft.cutoff = max(0, near + draw(st.integers(-2, 2)))


def _retired(draft: Draft, draw: st.DrawFn) -> None:
    draft.cutoff = 2**64 - 1


def _edge_of_the_window(draft: Draft, draw: st.DrawFn) -> None:
    edge = draw(st.sampled_from(("not_before", "expires_at")))
    draft.now = draft.message[edge] + draw(st.integers(-1, 1))


def _issued_at_0(draft: Draft, draw: st.DrawFn) -> None:
    draft.message |= {"issued_at": 0, "not_before": 0, "expires_at": draw(st.integers(1, 315_360_000))}


def _other_key(draft: Draft, draw: st.DrawFn) -> None:
    draft.signer = "mallory"


def _wallet(draft: Draft, draw: st.DrawFn) -> None:
    draft.signer = draw(st.sampled_from(("alice", "mallory")))
    draft.code = draw(st.booleans())


def _signature_form(draft: Draft, draw: st.DrawFn) -> None:
    draft.code = draw(st.sampled_from((None, False, True)))
    draft.signature = draw(st.sampled_from((_high_s, _compact, _small_v, _other_v, _longer)))


def _signature_bytes(draft: Draft, draw: st.DrawFn) -> None:
    size = draw(st.sampled_from((0, 1, 64, 65, 66, 200, MAX_SIGNATURE, MAX_SIGNATURE + 1)))
    first = draw(st.binary(max_size=min(size, 65)))
    draft.code = draw(st.sampled_from((None, False, True)))
    draft.signature = lambda _: first.ljust(size, b"\x1b")


def _signature_flipped(draft: Draft, draw: st.DrawFn) -> None:
    place, bit = draw(st.integers(0, 64)), draw(st.integers(0, 7))
    draft.signature = lambda made: made[:place] + bytes([made[place] ^ 1 << bit]) + made[place + 1 :]


def _signature_replaced_later(draft: Draft, draw: st.DrawFn) -> None:
    draft.after.append(
        lambda e: msgspec.structs.replace(e, signature=to_hex(_high_s(unhex(e.signature).ljust(65)[:65])))
    )


def _other_domain(draft: Draft, draw: st.DrawFn) -> None:
    draft.domain = domain_of(1, REGISTRY)


def _message_changed(draft: Draft, draw: st.DrawFn) -> None:
    number = draw(st.integers(1, 1000))
    name, change = draw(st.sampled_from(list(_CHANGES.items())))

    def after(evidence: Evidence) -> Evidence:
        message = evidence.statement.message
        changed = msgspec.structs.replace(message, **{name: change(getattr(message, name), number)})
        return msgspec.structs.replace(evidence, statement=msgspec.structs.replace(evidence.statement, message=changed))

    draft.after.append(after)


def _proof(draft: Draft, draw: st.DrawFn) -> None:
    change = draw(st.sampled_from(_PROOFS))

    def after(evidence: Evidence) -> Evidence:
        assert isinstance(evidence.anchor, Anchor)
        return _with_anchor(evidence, proof=change(evidence.anchor.proof))

    draft.after.append(after)


def _other_batch(draft: Draft, draw: st.DrawFn) -> None:
    strange = evidence_of(grant_message(NOTICE, salt=word(99)), notice=NOTICE, others=5).anchor
    assert isinstance(strange, Anchor)
    changes = {"root": strange.root} | ({"proof": strange.proof} if draw(st.booleans()) else {})
    draft.after.append(lambda e: _with_anchor(e, **changes))


def _other_statement(draft: Draft, draw: st.DrawFn) -> None:
    draft.message["statement"] = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


def _other_controller(draft: Draft, draw: st.DrawFn) -> None:
    draft.asked = (account("another brand").address, *draft.asked[1:])


def _other_purpose(draft: Draft, draw: st.DrawFn) -> None:
    draft.asked = (draft.asked[0], draw(st.sampled_from((*PURPOSES, "dpv:Advertising"))), draft.asked[2])


def _other_datum(draft: Draft, draw: st.DrawFn) -> None:
    draft.asked = (*draft.asked[:2], draw(st.sampled_from((*DATA, "pd:Age"))))


FAULTS: tuple[Fault, ...] = (
    _none,
    _never_anchored,
    _dated_ahead,
    _revoked,
    _cutoff,
    _retired,
    _edge_of_the_window,
    _issued_at_0,
    _other_key,
    _wallet,
    _signature_form,
    _signature_bytes,
    _signature_flipped,
    _signature_replaced_later,
    _other_domain,
    _message_changed,
    _proof,
    _other_batch,
    _other_statement,
    _other_controller,
    _other_purpose,
    _other_datum,
)


def _high_s(made: bytes) -> bytes:
    s = _ORDER - int.from_bytes(made[32:64], "big")
    return made[:32] + (s % 2**256).to_bytes(32, "big") + bytes([55 - made[64] & 0xFF])


def _compact(made: bytes) -> bytes:
    return made[:32] + bytes([made[32] | (made[64] - 27) << 7]) + made[33:64]


def _small_v(made: bytes) -> bytes:
    return made[:64] + bytes([made[64] - 27])


def _other_v(made: bytes) -> bytes:
    return made[:64] + bytes([55 - made[64]])


def _longer(made: bytes) -> bytes:
    return made + b"\0"


def _with_anchor(evidence: Evidence, **changes: Any) -> Evidence:
    assert isinstance(evidence.anchor, Anchor)
    return msgspec.structs.replace(evidence, anchor=msgspec.structs.replace(evidence.anchor, **changes))


def _another_address(old: str, number: int) -> str:
    return account(f"somebody {number}").address


def _another_word(old: str, number: int) -> str:
    return word(number)


def _later(old: int, number: int) -> int:
    return old + number


_CHANGES: dict[str, Callable[[Any, int], Any]] = {
    "statement": lambda old, number: old + "x" * number,
    "subject": _another_address,
    "controller": _another_address,
    "request": _another_word,
    "purposes": lambda old, number: tuple(sorted({*old, f"dpv:P{number}"})),
    "data": lambda old, number: (*old, f"pd:Z{number}"),
    "terms": lambda old, number: f"{old}-{number}",
    "notice": _another_word,
    "content": _another_word,
    "supersedes": _another_word,
    "expires_at": lambda old, number: old + 1,
    "not_before": lambda old, number: max(0, old - number),
    "revocation": _another_word,
    "salt": _another_word,
}
_PROOFS: tuple[Callable[[tuple[str, ...]], tuple[str, ...]], ...] = (
    lambda proof: proof[1:],
    lambda proof: proof[::-1],
    lambda proof: (*proof, word(5)),
    lambda proof: (),
    lambda proof: tuple(word(i) for i in range(15)),
    lambda proof: tuple(word(i) for i in range(16)),
)


@st.composite
def drafts(draw: st.DrawFn, first: Fault) -> Draft:
    """A draft with this fault and up to two others."""
    draft = _valid(draw)
    first(draft, draw)
    others = [fault for fault in FAULTS if fault is not first]
    for fault in draw(st.lists(st.sampled_from(others), max_size=2, unique=True)):
        fault(draft, draw)
    return draft


def build(draft: Draft) -> Evidence:
    """The evidence of a draft."""
    message = grant_message(NOTICE, **draft.message)
    key = account(draft.signer).key
    made = draft.signature(bytes(Account.unsafe_sign_hash(digest(draft.domain, message), key).signature))
    evidence = anchored(
        evidence_of(message, signature=made, domain=draft.domain, notice=NOTICE, others=0), draft.others
    )
    for change in draft.after:
        evidence = change(evidence)
    return evidence
