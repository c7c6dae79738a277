"""Judge many files by a log of the chain that was followed, and by the node where the log does not decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from registry.client.network import Network
from registry.client.verify import Answer, read_or_refused, verify_many
from registry.core.errors import LedgerUnavailable, NotConsented
from registry.core.evidence.file import Evidence
from registry.core.facts import FactQuery, Facts
from registry.core.verify.judge import judge
from registry.core.verify.policy import Policy
from registry.core.verify.queries import anchor_queries


class FollowedLog(Protocol):
    """A log that was followed from the registry's first block on."""

    def facts(self, queries: Sequence[FactQuery], *, depth: int) -> Facts:
        """Return what the log shows, as `registry.ledger.base.Ledger.facts` does, without any signature's.

        An anchor that the log does not show is absent: a newer block may hold it. ``LedgerUnavailable`` where the log
        was read too long ago.
        """


class Verdict(NamedTuple):
    """The answer for one file. ``asked`` tells that the node was asked, because the log does not decide it."""

    answer: Answer
    asked: bool


def verify_by_log(
    network: Network, log: FollowedLog, files: Iterable[Evidence | bytes], policy: Policy
) -> list[Verdict]:
    """Judge all for now, by one reading of the log.

    The node is asked, once for all, about anchors that the log does not show and about signatures of contract accounts
    (ERC-1271). ``LedgerUnavailable`` stands in the place of those files where it is away.
    """
    every = [read_or_refused(network, file) for file in files]
    queries = [query for each in every if isinstance(each, Evidence) for query in anchor_queries(each)]
    facts = log.facts(queries, depth=policy.confirmations)
    verdicts = [Verdict(_judged(each, facts, policy), asked=False) for each in every]
    left = {
        place: each
        for place, each in enumerate(every)
        if isinstance(each, Evidence) and isinstance(verdicts[place].answer, LedgerUnavailable)
    }
    for place, answer in zip(left, _ask(network, list(left.values()), policy), strict=True):
        verdicts[place] = Verdict(answer, asked=True)
    return verdicts


def _judged(each: Evidence | NotConsented | LedgerUnavailable, facts: Facts, policy: Policy) -> Answer:
    if not isinstance(each, Evidence):
        return each
    try:
        return judge(each, facts, policy, facts.present)
    except (NotConsented, LedgerUnavailable) as error:
        return error


def _ask(network: Network, files: Sequence[Evidence], policy: Policy) -> Sequence[Answer]:
    if not files:
        return []
    try:
        return verify_many(network, files, policy)
    except LedgerUnavailable as error:
        return [error] * len(files)
