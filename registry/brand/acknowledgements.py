"""The Acknowledgement of each grant that its person ended: the brand has seen the withdrawal, and has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.brand.owed import Done, Owed
from registry.brand.records import Acknowledged, Answer
from registry.brand.settings import BrandSettings
from registry.brand.sql.acknowledgements import AcknowledgementTimes
from registry.brand.store import Store
from registry.client.network import Network
from registry.client.sign import fresh_salt
from registry.core.anchor import Anchor
from registry.core.errors import LedgerUnavailable
from registry.core.evidence.file import Evidence, parse_evidence, write_evidence
from registry.core.facts import HandleQuery
from registry.core.scalars import ZERO_WORD, to_hex, unhex
from registry.core.statements.messages import Acknowledgement

FIGURES_SECONDS = 30 * 86_400
_MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Acknowledgements:
    """Acknowledgements by the account ``controller``. ``settles_after`` blocks, each anchor is looked up once more."""

    network: Network
    store: Store
    controller: str
    settles_after: int

    def owed(self, limit: int) -> list[Owed]:
        """Return one for each ended grant that the brand has stopped to use (`has_stopped` says when it has)."""
        self._settle()
        return [self._owed(each) for each in self.store.unacknowledged(unhex(self.controller), limit)]

    def _owed(self, grant: Answer) -> Owed:
        digest = to_hex(grant.digest)
        return Owed(grant.id, lambda date: Acknowledgement(digest, self.controller, date, fresh_salt()))

    def complete(self, done: Sequence[Done]) -> None:
        """Keep each, with the times that it took. ``LedgerUnavailable`` where the chain does not show its anchor."""
        times, block = self._anchored([each.evidence for each in done])
        if not all(times):
            raise LedgerUnavailable("the chain does not show an acknowledgement's anchor", "It is tried again.")
        grants = {each.id: each for each in self.store.by_id([each.about for each in done])}
        every = zip(done, times, strict=True)
        self.store.keep_acknowledged([self._kept(grants[each.about], each.evidence, at, block) for each, at in every])

    def _kept(self, grant: Answer, evidence: Evidence, anchored_at: int, block: int) -> Acknowledged:
        signed_at, check_at = evidence.statement.message.issued_at, block + self.settles_after
        return Acknowledged(grant.id, write_evidence(evidence), grant.ended_at, signed_at, anchored_at, block, check_at)

    def _settle(self) -> None:
        """Look up anchors again that the chain's newest blocks held; what it lost is signed and anchored anew."""
        due = self.store.unsettled(self.store.view().number, _MOST_AT_ONCE)
        if not due:
            return
        times, _ = self._anchored([parse_evidence(each.file) for each in due])
        stands = dict(zip([each.answer for each in due], times, strict=True))
        self.store.settle_acknowledged(
            [answer for answer, at in stands.items() if at], [answer for answer, at in stands.items() if not at]
        )

    def _anchored(self, evidence: Sequence[Evidence]) -> tuple[list[int], int]:
        """Return when the chain anchored each (0: it did not), and the block that says so."""
        queries = [HandleQuery(_root_of(each), ZERO_WORD) for each in evidence]
        facts = self.network.ledger.facts(queries)
        return [facts.anchors[query].anchored_at for query in queries], facts.block_number


def _root_of(evidence: Evidence) -> str:
    assert isinstance(evidence.anchor, Anchor)  # it was anchored, or parsed: neither goes without
    return evidence.anchor.root


def times_of(store: Store, settings: BrandSettings, now: int) -> AcknowledgementTimes:
    """Return how acknowledgements went in the 30 days before ``now`` (unix seconds)."""
    return store.acknowledgement_times(unhex(settings.account), now - FIGURES_SECONDS, settings.acknowledge_seconds)
