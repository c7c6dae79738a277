"""Read the facts from the configured chain, then judge evidence by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.client.anchoring import own_root
from registry.client.network import Network
from registry.core.anchor import Anchor
from registry.core.errors import LedgerUnavailable, NotConsented
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.evidence.pending import Unanchored
from registry.core.facts import Facts
from registry.core.scalars import ZERO_WORD
from registry.core.verify.judge import VerifiedStatement, judge
from registry.core.verify.policy import Policy
from registry.core.verify.queries import fact_queries


def verify(
    network: Network,
    evidence: Evidence | bytes,
    policy: Policy,
    *,
    at: int | None = None,
    grant: Evidence | None = None,
) -> VerifiedStatement:
    """Return the judgement of `registry.core.verify.judge` now, or ``at`` another time (unix seconds).

    Raises the ``NotConsented`` subclass that tells why not, or ``LedgerUnavailable`` if it could not be checked.
    """
    _check_policy(network, policy)
    evidence = _read_own(network, evidence)
    facts = network.read(evidence, depth=policy.confirmations, at=at)
    return judge(evidence, facts, policy, facts.present if at is None else at, grant=grant)


def _check_policy(network: Network, policy: Policy) -> None:
    if policy.domain != network.domain:
        # A grant that is revoked in the policy's registry may look valid in this one.
        raise LedgerUnavailable("the policy asks about another chain or registry than the network's")


def _read_own(network: Network, file: Evidence | bytes) -> Evidence:
    """Return evidence of this network; its chain can say nothing about any other."""
    evidence = read(file)
    domains = (network.domain, evidence.statement.domain)
    own, other = (f"registry {domain.verifying_contract} on chain {domain.chain_id}" for domain in domains)
    if own != other:
        advice = "Name its own network: --network FOLDER, or --rpc-url URL and --registry ADDRESS."
        raise LedgerUnavailable(f"it belongs to {other}, and this network is {own}", advice)
    return evidence


def read(evidence: Evidence | bytes) -> Evidence:
    """Return evidence that may still be a file's bytes; ``Malformed`` where these are none."""
    return parse_evidence(evidence) if isinstance(evidence, bytes) else evidence


Answer = VerifiedStatement | NotConsented | LedgerUnavailable


def check_unanchored(
    network: Network, statements: Sequence[Unanchored], policy: Policy
) -> list[NotConsented | LedgerUnavailable | None]:
    """Judge signed statements as if they were anchored now, with one reading of the chain.

    None stands for one that lacks nothing but its anchor. ``LedgerUnavailable`` is raised where the chain cannot be
    read.
    """
    _check_policy(network, policy)
    # A batch of its own needs no proof, so step 3 holds. Step 4 gets an anchor of this moment.
    every = [each.anchored(Anchor(own_root(each.commitment), (), ZERO_WORD, 0)) for each in statements]
    queries = [fact_queries(evidence) for evidence in every]
    anchors = [query for part, _ in queries for query in part]
    signatures = [query for _, part in queries for query in part]
    facts = network.ledger.facts(anchors, signatures, depth=policy.confirmations)
    now = {query: answer._replace(anchored_at=facts.present) for query, answer in facts.anchors.items()}
    return [_why_not(evidence, facts._replace(anchors=now), policy) for evidence in every]


def _why_not(evidence: Evidence, facts: Facts, policy: Policy) -> NotConsented | LedgerUnavailable | None:
    try:
        judge(evidence, facts, policy, facts.present)
    except (NotConsented, LedgerUnavailable) as why:
        return why
    return None


def verify_many(
    network: Network, files: Iterable[Evidence | bytes], policy: Policy | None = None, *, at: int | None = None
) -> list[Answer]:
    """Judge all as `verify` does, with one reading of the chain; by default by the network's bounds alone.

    A refusal stands in its place, and so does ``LedgerUnavailable`` for evidence of another network. It is raised where
    the chain cannot be read.
    """
    asked = network.policy(controllers=None) if policy is None else policy
    _check_policy(network, asked)
    every = [read_or_refused(network, file) for file in files]
    queries = [fact_queries(evidence) for evidence in every if isinstance(evidence, Evidence)]
    anchors = [query for part, _ in queries for query in part]
    signatures = [query for _, part in queries for query in part]
    facts = network.ledger.facts(anchors, signatures, depth=asked.confirmations, as_of=at)

    judged: list[Answer] = []
    for evidence in every:
        try:
            if isinstance(evidence, Evidence):
                judged.append(judge(evidence, facts, asked, facts.present if at is None else at))
            else:
                judged.append(evidence)
        except NotConsented as no:
            judged.append(no)
    return judged


def read_or_refused(network: Network, file: Evidence | bytes) -> Evidence | NotConsented | LedgerUnavailable:
    """Return evidence of this network; for anything else what `verify` would raise."""
    try:
        return _read_own(network, file)
    except (NotConsented, LedgerUnavailable) as error:
        return error
