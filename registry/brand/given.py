"""What people send, as it is read: evidence, or a signed statement with a notary's promise to anchor it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property

import msgspec
from msgspec import UNSET, Raw

from registry.brand.records import Answer, State
from registry.client.notary import MAX_SPAN
from registry.core import codec
from registry.core.eip712 import Domain
from registry.core.errors import ConsentError, Malformed, NotAnchored, WrongDomain
from registry.core.evidence.file import Evidence, commitment_of, parse_evidence, write_evidence
from registry.core.evidence.pending import MAX_PENDING, PendingFile, Unanchored, parse_pending
from registry.core.promises import SignedPromise
from registry.core.scalars import CLOCK_SKEW, ZERO_WORD, unhex
from registry.core.statements.messages import Grant, Refusal

MAX_GIVEN = MAX_PENDING
# Pairs of a purpose and a datum that one grant may allow here.
MOST_PAIRS = 1_024
CAPABILITY_BYTES = 16
_members = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True)
class Given:
    """One body: ``raw`` as it came, its statement with whatever anchor it has, and the promise if it has none."""

    raw: bytes
    statement: Evidence | Unanchored
    promise: SignedPromise | None = None

    @property
    def message(self) -> Grant | Refusal:
        """The statement's message."""
        message = self.statement.statement.message
        assert isinstance(message, Grant | Refusal)  # `read_given` refuses the others
        return message

    @property
    def evidence(self) -> Evidence:
        """The evidence, with an anchor that nobody made where it has none."""
        return self.statement if isinstance(self.statement, Evidence) else self.statement.as_if_anchored

    @property
    def digest(self) -> bytes:
        """The statement's signing hash, 32 bytes."""
        return self.evidence.digest

    @cached_property
    def commitment(self) -> bytes:
        """What is anchored of it, 32 bytes. It recognises a repeat: nobody has it without the signature."""
        return commitment_of(self.evidence)

    @property
    def brings_acceptance(self) -> bool:
        """Whether the brand's counter-signature is in the file already."""
        return isinstance(self.statement, Evidence) and self.statement.acceptance is not UNSET


def read_given(raw: bytes, domain: Domain) -> Given:
    """Parse a body, at most 2 MiB. ``Malformed`` for anything else, ``WrongDomain`` for another chain or registry.

    A grant of more than 1,024 pairs is ``Malformed`` here, too.
    """
    is_pending = "evidence" in codec.loads(raw, _members, MAX_GIVEN)
    given = _pending(raw) if is_pending else Given(raw, parse_evidence(raw))
    if not isinstance(given.statement.statement.message, Grant | Refusal):
        raise Malformed(f"this is a {given.statement.kind}", "Send a Grant or a Refusal.")
    if given.statement.statement.domain != domain:
        raise WrongDomain("it names another chain or registry than this brand's")
    _check_pairs(given.message)
    return given


def _check_pairs(message: Grant | Refusal) -> None:
    """Each purpose with each datum is a row of the store: 27 KB of a stranger's file would become 14 MB of it."""
    if isinstance(message, Grant) and (pairs := len(message.purposes) * len(message.data)) > MOST_PAIRS:
        advice = "Give several grants."
        raise Malformed(
            f"it allows {pairs:,} pairs of a purpose and a datum, and the brand keeps {MOST_PAIRS:,}", advice
        )


def _pending(raw: bytes) -> Given:
    file: PendingFile = parse_pending(raw)
    if not isinstance(file.promise, SignedPromise):
        raise Malformed("it is not anchored, and no promise stands beside it", "Send it with the notary's promise.")
    return Given(raw, file.evidence, file.promise)


def check_promise(promise: SignedPromise, domain: Domain, notaries: frozenset[str], now: int) -> None:
    """``NotAnchored`` unless the promise of one of these ``notaries`` stands at ``now`` (unix seconds)."""
    message = promise.message
    try:
        signer = promise.notary
    except ConsentError as error:
        raise _uncounted(str(error)) from None
    if signer not in notaries or promise.statement.domain != domain:
        raise _uncounted(f"the notary {signer} is none that this brand names")
    if message.received_at > now + CLOCK_SKEW or message.due - message.received_at > MAX_SPAN:
        raise _uncounted("its times are not believable")
    if message.due < now:
        raise _uncounted("it was due already")


def _uncounted(why: str) -> NotAnchored:
    advice = "Send the evidence once it is anchored."
    return NotAnchored(f"it is not anchored, and the promise to anchor it does not count: {why}", advice)


def new_answer(given: Given, now: int) -> Answer:
    """Return the answer that waits for its anchor, with a new capability."""
    message, evidence = given.message, given.evidence
    grant = message if isinstance(message, Grant) else None
    return Answer(
        kind=evidence.kind,
        digest=given.digest,
        capability=secrets.token_bytes(CAPABILITY_BYTES),
        commitment=given.commitment,
        subject=unhex(message.subject),
        controller=unhex(message.controller),
        request=unhex(message.request),
        supersedes=unhex(grant.supersedes) if grant else b"",
        purposes=message.purposes,
        data=grant.data if grant else (),
        issued_at=message.issued_at,
        not_before=grant.not_before if grant else 0,
        expires_at=grant.expires_at if grant else 0,
        lock=unhex(grant.revocation) if grant else b"",
        handle=unhex(evidence.handle) if evidence.handle else b"",
        file=given.raw,
        received_at=now,
        state=State.WAITING,
        content=unhex(grant.content) if grant and grant.content != ZERO_WORD else b"",
    )


def kept_statement(answer: Answer) -> Unanchored:
    """Return the signed statement of an answer without its anchor, whichever file is kept of it."""
    if "evidence" in codec.loads(answer.file, _members, MAX_GIVEN):
        return parse_pending(answer.file).evidence
    evidence = parse_evidence(answer.file)
    return Unanchored(evidence.statement, evidence.signature, evidence.quoted_notice, evidence.mandate)


def without_acceptance(evidence: Evidence) -> bytes:
    """Return the file without a counter-signature."""
    return write_evidence(msgspec.structs.replace(evidence, acceptance=UNSET))
