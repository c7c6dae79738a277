"""Read the facts, then judge: evidence against the chain that the configuration names."""

from __future__ import annotations

from collections.abc import Iterable

from registry.client.network import Network
from registry.core.errors import LedgerUnavailable, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.verify.judge import VerifiedStatement, fact_queries, judge
from registry.core.verify.policy import Policy


def verify(
    network: Network,
    evidence: Evidence | bytes,
    policy: Policy,
    *,
    at: int | None = None,
    grant: Evidence | None = None,
) -> VerifiedStatement:
    """What `registry.core.verify.judge.verify` says of this evidence now, or ``at`` another time (unix seconds).

    Raises the ``NotConsented`` subclass that says why not, ``LedgerUnavailable`` where it could not be checked.
    """
    if policy.domain != network.domain:
        # Another registry's facts would be judged as if they were the policy's: revoked there, valid here.
        raise LedgerUnavailable("the policy asks about another chain or registry than the network's")
    if isinstance(evidence, bytes):
        evidence = parse_evidence(evidence)
    facts = network.read(evidence, depth=policy.confirmations, at=at)
    return judge(evidence, facts, policy, facts.present if at is None else at, grant=grant)


def verify_many(network: Network, files: Iterable[Evidence]) -> list[VerifiedStatement | NotConsented]:
    """Judge many pieces of evidence by one reading of the chain: for each the judgement, or why not.

    Nothing is asked but whether they hold; ``LedgerUnavailable`` where the chain cannot be read.
    """
    every = list(files)
    asked = [fact_queries(evidence) for evidence in every]
    anchors = [question for part, _ in asked for question in part]
    signatures = [question for _, part in asked for question in part]
    facts = network.ledger.facts(anchors, signatures)
    policy = network.policy(controllers=None)

    def one(evidence: Evidence) -> VerifiedStatement | NotConsented:
        try:
            return judge(evidence, facts, policy, facts.present)
        except NotConsented as no:
            return no

    return [one(evidence) for evidence in every]
