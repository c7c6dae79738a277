"""`judge` alone on files whose facts are known, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from registry.core.eip712 import Domain
from registry.core.evidence.file import parse_evidence
from registry.core.facts import AnchorFacts, FactQuery, Facts, HandleQuery
from registry.core.verify.judge import judge
from registry.core.verify.policy import Policy
from registry.core.verify.queries import anchor_queries


def seconds_of_judging(files: Sequence[bytes], domain: Domain, account: str, runs: int) -> float:
    """Return the shortest time in which all files are judged from their bytes."""
    now = int(time.time())
    queries = (query for raw in files for query in anchor_queries(parse_evidence(raw)))
    anchors: dict[FactQuery | HandleQuery, AnchorFacts] = dict.fromkeys(queries, AnchorFacts(now - 30, 0, 0))
    facts = Facts(domain.chain_id, 1, "", now, now, 0, None, anchors, {})
    policy = Policy(chain_id=domain.chain_id, registry=domain.verifying_contract, controllers=frozenset({account}))
    return min(_judged(files, facts, policy, now) for _ in range(runs))


def _judged(files: Sequence[bytes], facts: Facts, policy: Policy, now: int) -> float:
    began = time.perf_counter()
    for raw in files:
        judge(raw, facts, policy, now)
    return time.perf_counter() - began
