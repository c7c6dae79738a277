"""The proofs of one message of a negotiation: its domain, signature, mandate and anchor, and that nobody ended it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import UNSET

from registry.core import errors
from registry.core.crypto.signatures import recover_address
from registry.core.errors import LedgerUnavailable
from registry.core.evidence.file import Evidence
from registry.core.facts import AnchorFacts, FactQuery, Facts, SignatureQuery
from registry.core.negotiation.file import Negotiation, Part
from registry.core.scalars import CLOCK_SKEW, ZERO_WORD, unhex
from registry.core.statements.messages import Mandate
from registry.core.statements.negotiating import Intent
from registry.core.verify.coverage import check_bounds, check_giver
from registry.core.verify.judge import check_held
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_query, is_plainly_signed, signature_query


class NegotiationFacts(NamedTuple):
    """What was read of a chain. ``before`` has the cutoffs one second before the Deal's anchor, by address.

    An account without an entry in ``before`` is judged by the cutoff of ``read``, where that one ends nothing.
    ``accepted`` holds the answers of contracts (ERC-1271) at the Deal's block.
    """

    read: Facts
    before: Mapping[str, int]
    accepted: Mapping[SignatureQuery, bool]


def fact_query_of(part: Part) -> FactQuery:
    """The query about a message's anchor and author, and for an Intent about its revocation."""
    message = part.statement.message
    if isinstance(message, Intent):
        return FactQuery(part.anchor.root, message.subject, message.revocation, message.salt)
    return FactQuery(part.anchor.root, part.author)


def negotiation_queries(negotiation: Negotiation) -> tuple[list[FactQuery], list[SignatureQuery]]:
    """The queries to a chain before a negotiation can be judged. ``before`` needs the cutoffs of the same accounts."""
    facts = [query for part in negotiation.parts for query in _queries(part)]
    signed = [query for part in negotiation.parts for query in _unclear(part)]
    return list(dict.fromkeys(facts)), list(dict.fromkeys(signed))


def _queries(part: Part) -> Iterator[FactQuery]:
    """About the message, then about its mandate and the delegate who signed."""
    yield fact_query_of(part)
    if part.under is not None:
        yield fact_query(part.under)
        yield _signer_query(part)


def _signer_query(part: Part) -> FactQuery:
    return FactQuery(ZERO_WORD, part.signer)


def _unclear(part: Part) -> Iterator[SignatureQuery]:
    if not _is_plainly_signed(part):
        yield _signature_query(part)
    if part.under is not None and not is_plainly_signed(part.under):
        yield signature_query(part.under)


def _signature_query(part: Part) -> SignatureQuery:
    return SignatureQuery(part.signer, part.digest, unhex(part.signature))


def _is_plainly_signed(part: Part) -> bool:
    return recover_address(part.digest, unhex(part.signature)) == part.signer_bytes


class Court:
    """One judgement's facts, policy and time."""

    def __init__(self, facts: NegotiationFacts, policy: Policy, now: int) -> None:
        self._facts, self._policy, self._now = facts, policy, now
        read = facts.read
        if read.chain_id != policy.chain_id or read.depth < policy.confirmations or read.as_of is not None:
            raise LedgerUnavailable("the facts are of another chain, depth or time")
        if policy.max_facts_age is not None and read.clock - read.block_time > policy.max_facts_age:
            raise LedgerUnavailable(f"the newest block is {read.clock - read.block_time} seconds old")

    def answer(self, query: FactQuery) -> AnchorFacts:
        """The chain's answer; ``LedgerUnavailable`` if it was not asked."""
        if (answer := self._facts.read.anchors.get(query)) is None:
            raise LedgerUnavailable("the chain was not asked about this anchor")
        return answer

    def proved(self, part: Part, controller: str | None) -> int:
        """Steps 1 to 4: the anchor's time. ``controller`` is whom a mandate beside the message must be for, if any."""
        if part.statement.domain != self._policy.domain:
            raise errors.WrongDomain("it names another chain or registry than the policy")
        self._signed(part)
        anchored_at, issued_at = self.answer(fact_query_of(part)).anchored_at, part.statement.message.issued_at
        if part.under is not None:
            self._mandated(part.under, part, anchored_at, controller)
        if not part.is_included:
            raise errors.NotIncluded("the proof does not lead from this statement and signature to the anchored root")
        if not 0 < anchored_at <= self._now:
            raise errors.NotAnchored("the root is not on the chain")
        if issued_at > anchored_at + CLOCK_SKEW:
            raise errors.PostDated(f"issued {issued_at - anchored_at} seconds after it was anchored")
        if self._policy.max_backdate is not None and anchored_at - issued_at > self._policy.max_backdate:
            raise errors.BackDated(f"issued {anchored_at - issued_at} seconds before it was anchored")
        return anchored_at

    def _signed(self, part: Part) -> None:
        if _is_plainly_signed(part):
            return
        accepted = self._facts.accepted.get(_signature_query(part))
        if accepted is None:
            raise LedgerUnavailable("whether the author's contract accepts the signature was not read from the chain")
        if not accepted:
            raise errors.BadSignature(f"the signature is not that of {part.signer}")

    def _mandated(self, mandate: Evidence, act: Part, moment: int, controller: str | None) -> None:
        """The mandate covers the act, and held when the act was anchored: `judge` says how."""
        under = mandate.statement.message
        assert isinstance(under, Mandate)  # by its type
        check_giver(under, act.author, act.kind)
        check_bounds(under, act.kind, (), (), controller)
        if moment == 0:  # there is no time to judge it at, and step 4 refuses the act
            return
        query = fact_query(mandate)
        answer = self.answer(query)
        # A cutoff counts for the mandate as for its act: as it was before the Deal.
        cutoff = self._cutoff(query, min(under.issued_at, answer.anchored_at or under.issued_at))
        known = {**self._facts.read.anchors, query: answer._replace(cutoff=cutoff)}
        facts = self._facts.read._replace(anchors=known, signatures=self._facts.accepted)
        check_held(mandate, facts, self._policy, moment, act.kind)

    def not_ended(self, part: Part, moment: int) -> None:
        """Step 5: neither the author nor the delegate who signed had raised a cutoff to it before the Deal."""
        dated = min(part.statement.message.issued_at, moment)
        for query in (fact_query_of(part), *(() if part.mandate is UNSET else (_signer_query(part),))):
            if dated <= self._cutoff(query, dated):
                raise errors.Revoked(f"{query.subject} revoked everything issued until then")

    def _cutoff(self, query: FactQuery, dated: int) -> int:
        """An account's cutoff before the Deal. Cutoffs only rise, so one of today that ends nothing decides too."""
        present = self.answer(query).cutoff
        if dated > present:
            return present
        if (before := self._facts.before.get(query.subject)) is None:
            raise LedgerUnavailable(f"the cutoff of {query.subject} before the deal was not read from the chain")
        return before
