"""Verification: one pure function, whose steps carry the numbers of docs/formats.md, "Verification".

0. Parse strictly.                                                        ``Malformed``
1. The domain is the one the policy names.                                ``WrongDomain``
2. Signed by its author, or by a delegate under the author's mandate.     ``BadSignature``, ``BadMandate``
3. The commitment leads to the evidence's root.                           ``NotIncluded``
4. The root is anchored, neither before nor long after it was issued.     ``NotAnchored``, ``PostDated``, ``BackDated``
5. Not revoked, neither by handle nor by cutoff.                          ``Revoked``
6. Within its window.                                                     ``NotYetValid``, ``Expired``
7. It fits its notice and the policy.          ``NoticeMismatch``, ``WrongController``, ``PurposeNotGranted``, ...

The first step that fails names the error. Facts that are missing, stale or of another chain are
``LedgerUnavailable``: could not check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from msgspec import UNSET

from registry.core import errors
from registry.core.errors import LedgerUnavailable, NotConsented
from registry.core.evidence.file import WITH_NOTICE, Evidence, acceptance_evidence, is_included, parse_evidence
from registry.core.facts import AnchorFacts, Facts
from registry.core.notices.rendering import fits
from registry.core.scalars import CLOCK_SKEW, MAX_SAFE_INTEGER, format_utc, to_hex
from registry.core.statements.messages import REVOCABLE, Acceptance, Acknowledgement, Grant, Request, UseLog
from registry.core.verify.coverage import check_covers
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_query, is_plainly_signed, signature_query, signer_query

# The suffix of a signature for an account whose contract is not deployed yet (ERC-6492, "Signer behavior").
_ERC6492_END = bytes.fromhex("6492" * 16)
_NEW_REQUEST = "Ask the brand for a new request."


@dataclass(frozen=True, init=False)
class VerifiedStatement:
    """A statement that passed every step that applies to its kind. Only `judge` makes one.

    ``acceptance`` is "verified", "none", or the reason why the attached one was not verified. Times are unix seconds;
    ``anchored_at`` is None for a Request, which is not anchored. ``block`` is the newest block that was read.
    """

    evidence: Evidence
    policy: Policy
    anchored_at: int | None
    now: int
    block: int
    acceptance: str

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("only judge() makes a verified statement")

    @property
    def digest(self) -> str:
        """The statement's EIP-712 signing hash."""
        return to_hex(self.evidence.digest)

    @property
    def author(self) -> str:
        """The address whose statement it is."""
        return self.evidence.author

    @property
    def signer(self) -> str:
        """The address that signed it: the author, or the author's delegate."""
        return self.evidence.signer

    def __reduce__(self) -> NoReturn:
        raise TypeError("a verified statement cannot be copied or stored: verify again")


@dataclass(frozen=True, init=False)
class VerifiedGrant(VerifiedStatement):
    """A grant that passed every step."""


def advice_on(signature: bytes) -> str | None:
    """Advice about a refused signature if its form allows better than the error's own; otherwise None."""
    if not signature.endswith(_ERC6492_END):
        return None
    return (
        "It was made for a contract account that is not deployed yet (ERC-6492): deploy the account, then sign again."
    )


def judge(
    evidence: Evidence | bytes, facts: Facts, policy: Policy, now: int, *, grant: Evidence | None = None
) -> VerifiedStatement:
    """Judge evidence by facts and policy at ``now`` (unix seconds): a `VerifiedGrant` for a grant.

    Raises the ``NotConsented`` subclass of the first step that fails, or ``LedgerUnavailable`` if the facts do not
    decide. A separate Acceptance, and an Acknowledgement, is judged with its ``grant``.
    """
    if isinstance(evidence, bytes):
        evidence = parse_evidence(evidence)  # 0
    _usable(facts, policy, now)
    answer = _answer_at(now, evidence, facts)
    anchored_at = _proved(evidence, facts, policy, answer)  # 1 to 4
    _not_revoked(evidence, answer)  # 5
    _signer_not_revoked(evidence, facts, answer)
    _in_force(evidence, now)  # 6
    _fits_notice(evidence, grant)  # 7
    _fits_policy(evidence, policy)
    acceptance = _acceptance(evidence, facts, policy, now)
    kind = VerifiedGrant if isinstance(evidence.statement.message, Grant) else VerifiedStatement
    verified = object.__new__(kind)  # the class is frozen, and its constructor refuses everybody else
    verified.__dict__.update(evidence=evidence, policy=policy, now=now, block=facts.block_number)
    verified.__dict__.update(anchored_at=anchored_at, acceptance=acceptance)
    return verified


def _proved(evidence: Evidence, facts: Facts, policy: Policy, answer: AnchorFacts) -> int | None:
    """Take steps 1 to 4, which apply to every kind. Return the anchor's time, or None without an anchor."""
    if evidence.statement.domain != policy.domain:  # 1
        raise errors.WrongDomain("it names another chain or registry than the policy")
    _signed(evidence, facts)  # 2
    _mandated(evidence, facts, policy, answer.anchored_at)
    if evidence.anchor is UNSET:
        return None
    if not is_included(evidence):  # 3
        raise errors.NotIncluded("the proof does not lead from this statement and signature to the anchored root")
    return _anchored(evidence, answer, policy)  # 4


def _signed(evidence: Evidence, facts: Facts) -> None:
    if is_plainly_signed(evidence):
        return
    accepted = facts.signatures.get(signature_query(evidence))
    if accepted is None:
        raise LedgerUnavailable("whether the author's contract accepts the signature was not read from the chain")
    if not accepted:
        advice = advice_on(evidence.signature_bytes)
        raise errors.BadSignature(f"the signature is not that of {evidence.signer}", advice)


def _mandated(act: Evidence, facts: Facts, policy: Policy, anchored_at: int) -> None:
    """The mandate beside an act must cover it, and must have held when the act was anchored, whatever came later."""
    mandate = act.under
    if mandate is None:
        return
    check_covers(mandate, act)
    if anchored_at == 0:  # there is no time to judge it at, and step 4 refuses the act
        return
    answer = _answer_at(anchored_at, mandate, facts, is_past=True)
    try:
        _proved(mandate, facts, policy, answer)
        _not_revoked(mandate, answer)
        _in_force(mandate, anchored_at)
        _fits_notice(mandate, None)
    except NotConsented as no:
        why = f"the mandate did not hold when the {act.kind} was anchored: {type(no).__name__}: {no}"
        raise errors.BadMandate(why) from None


def _anchored(evidence: Evidence, answer: AnchorFacts, policy: Policy) -> int:
    anchored_at, issued_at = answer.anchored_at, evidence.statement.message.issued_at
    if anchored_at == 0:
        deep = f" under {policy.confirmations} confirmations" if policy.confirmations else ""
        raise errors.NotAnchored(f"the root is not on the chain{deep}")
    if issued_at > anchored_at + CLOCK_SKEW:
        raise errors.PostDated(f"issued {issued_at - anchored_at} seconds after it was anchored")
    if policy.max_backdate is not None and anchored_at - issued_at > policy.max_backdate:
        raise errors.BackDated(f"issued {anchored_at - issued_at} seconds before it was anchored")
    return anchored_at


def _not_revoked(evidence: Evidence, answer: AnchorFacts) -> None:
    message = evidence.statement.message
    if answer.cutoff > MAX_SAFE_INTEGER:  # retired: the largest uint64, where no date of a statement reaches
        raise errors.Revoked(f"{evidence.author} was retired for ever: no statement of it is believed")
    if isinstance(message, REVOCABLE):
        if answer.revoked_at:
            raise errors.Revoked(f"the person revoked it at {format_utc(answer.revoked_at)}")
        if min(message.issued_at, answer.anchored_at) <= answer.cutoff:
            raise errors.Revoked("the person revoked everything issued until then")
    elif isinstance(message, Request) and message.issued_at <= answer.cutoff:
        raise errors.Revoked("the controller withdrew everything issued until then", _NEW_REQUEST)


def _signer_not_revoked(evidence: Evidence, facts: Facts, answer: AnchorFacts) -> None:
    """The cutoff of a delegate who signed counts like the subject's."""
    if evidence.mandate is UNSET:
        return
    if (found := facts.anchors.get(signer_query(evidence))) is None:
        raise LedgerUnavailable("the chain was not asked about the delegate who signed")
    message, signer = evidence.statement.message, evidence.signer
    if found.cutoff > MAX_SAFE_INTEGER:
        raise errors.Revoked(f"{signer}, who signed it, was retired for ever: no statement of it is believed")
    if isinstance(message, Grant) and min(message.issued_at, answer.anchored_at) <= found.cutoff:
        raise errors.Revoked(f"{signer}, who signed it, revoked everything issued until then")


def _in_force(evidence: Evidence, now: int) -> None:
    message = evidence.statement.message
    if not isinstance(message, (*REVOCABLE, Request)):
        return
    # A Request has no notBefore: it begins at its date, less the allowed clock skew.
    begins = message.issued_at - CLOCK_SKEW if isinstance(message, Request) else message.not_before
    if now < begins:
        raise errors.NotYetValid(f"it begins at {format_utc(begins)}")
    if now >= message.expires_at:
        advice = _NEW_REQUEST if isinstance(message, Request) else None
        raise errors.Expired(f"it ended at {format_utc(message.expires_at)}", advice)


def _fits_notice(evidence: Evidence, grant: Evidence | None) -> None:
    message = evidence.statement.message
    if isinstance(message, WITH_NOTICE):
        noticed = evidence.notice_and_digest
        assert noticed is not None  # the parser refuses these kinds without a notice
        fits(*noticed, message)
    elif not isinstance(message, UseLog):  # which stands for itself
        _accepts(message, evidence, grant)


def _accepts(message: Acceptance | Acknowledgement, evidence: Evidence, grant: Evidence | None) -> None:
    if grant is None or not isinstance(grant.statement.message, Grant):
        raise errors.NotAccepted(f"a separate {evidence.kind} is judged only with its grant")
    if message.controller != grant.statement.message.controller:
        raise errors.WrongController(f"the {evidence.kind} is not by the grant's controller")
    if message.grant != to_hex(grant.digest) or evidence.statement.domain != grant.statement.domain:
        raise errors.NotAccepted(f"the {evidence.kind} is for another grant")


def _fits_policy(evidence: Evidence, policy: Policy) -> None:
    message = evidence.statement.message
    if policy.controllers is not None and message.controller not in policy.controllers:
        raise errors.WrongController(f"it names {message.controller} as controller")
    # A kind of statement without a member grants nothing of it.
    if policy.purposes is not None:
        _covers("purpose", policy.purposes, getattr(message, "purposes", ()), errors.PurposeNotGranted)
    if policy.data is not None:
        _covers("datum", policy.data, getattr(message, "data", ()), errors.DataNotGranted)
    if policy.terms is not None and policy.terms != (terms := getattr(message, "terms", "none")):
        raise errors.TermsNotGranted(f"its terms are {terms}")


def _covers(what: str, asked: frozenset[str], has: tuple[str, ...], error: type[NotConsented]) -> None:
    if not asked.issubset(has):
        raise error(f"the {what} {min(asked.difference(has))} is not in it")


def _acceptance(evidence: Evidence, facts: Facts, policy: Policy, now: int) -> str:
    """The report on the attached acceptance; ``NotAccepted`` if the policy requires a valid one and it is not."""
    part, why = acceptance_evidence(evidence), "none"
    if part is not None:
        try:
            answer = _answer_at(now, part, facts)
            _proved(part, facts, policy, answer)
            _not_revoked(part, answer)
            _fits_notice(part, evidence)
        except NotConsented as error:
            why = f"not verified: {type(error).__name__}: {error}"
        else:
            return "verified"
    if policy.accepted:
        raise errors.NotAccepted(f"the controller's counter-signature: {why}")
    return why


def _usable(facts: Facts, policy: Policy, now: int) -> None:
    if facts.chain_id != policy.chain_id:
        raise LedgerUnavailable(f"the facts are of chain {facts.chain_id}, not of {policy.chain_id}")
    if facts.depth < policy.confirmations:
        raise LedgerUnavailable(f"the anchor was read {facts.depth} blocks deep, not {policy.confirmations}")
    if policy.max_facts_age is not None and facts.clock - facts.block_time > policy.max_facts_age:
        raise LedgerUnavailable(f"the newest block is {facts.clock - facts.block_time} seconds old")
    if facts.as_of != (now if now < facts.block_time else None):
        raise LedgerUnavailable("the facts were read for another time than the one in question")


def _answer_at(now: int, evidence: Evidence, facts: Facts, *, is_past: bool = False) -> AnchorFacts:
    """The chain's answer as of ``now``, without later events.

    Where ``now`` ``is_past``, and facts are of a later time, a cutoff that lies after it was raised after it too.
    """
    if (answer := facts.anchors.get(fact_query(evidence))) is None:
        raise LedgerUnavailable("the chain was not asked about this anchor")
    if facts.as_of is None and not is_past:
        return answer
    return AnchorFacts(
        answer.anchored_at if answer.anchored_at <= now else 0,
        answer.revoked_at if answer.revoked_at <= now else 0,
        answer.cutoff if answer.cutoff <= now or not is_past else 0,
    )
