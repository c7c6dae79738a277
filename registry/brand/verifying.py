"""Verify files by the log that the worker follows, or by the node."""

from __future__ import annotations

from collections.abc import Sequence

from registry.brand.desk import Desk
from registry.brand.permission import KnownView
from registry.brand.records import Known
from registry.client.verify import verify_many
from registry.client.verify_by_log import Verdict, verify_by_log
from registry.core.errors import LedgerUnavailable
from registry.core.facts import AnchorFacts, FactQuery, Facts
from registry.core.scalars import ZERO_WORD, unhex
from registry.core.verify.judge import VerifiedStatement
from registry.core.verify.policy import Policy


def verify_files(desk: Desk, files: Sequence[bytes], policy: Policy) -> tuple[list[Verdict], KnownView]:
    """Judge files by the store, which asks the node only about what the log does not decide; also return the view.

    ``LedgerUnavailable`` where the view is too old, or the chain has just changed.
    """
    log = StoredLog(desk)
    verdicts = verify_by_log(desk.network, log, files, policy)
    assert log.view is not None  # `verify_by_log` reads the log first
    return verdicts, log.view


def verify_fresh(desk: Desk, files: Sequence[bytes], policy: Policy) -> tuple[list[Verdict], KnownView]:
    """Judge files by the node. ``LedgerUnavailable`` where it is away."""
    head = desk.network.ledger.head()
    answers = verify_many(desk.network, files, policy)
    block = max((each.block for each in answers if isinstance(each, VerifiedStatement)), default=head.number)
    return [Verdict(each, asked=True) for each in answers], KnownView(block, head.time, 0)


class StoredLog:
    """The log as the store keeps it. ``view`` is that of the last reading."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.view: KnownView | None = None

    def facts(self, queries: Sequence[FactQuery], *, depth: int) -> Facts:
        """Return what the log shows; see `registry.client.verify_by_log.FollowedLog`."""
        network = self._desk.network
        handles = {query: unhex(query.handle) for query in queries if query.lock is not None}
        roots, accounts = ({unhex(getattr(query, name)) for query in queries} for name in ("root", "subject"))
        known = self._desk.store.known(roots, set(handles.values()), accounts)
        age = self._desk.sight.age_of(known.view)
        if known.view.behind:
            raise LedgerUnavailable("the chain has just changed, and its log is being read again", "Ask again soon.")
        self.view = KnownView(known.view.number, known.view.head_time, age)
        found = {query: _answer(query, handles.get(query, b""), known, depth) for query in queries}
        return Facts(
            chain_id=network.ledger.deployment.chain_id,
            block_number=known.view.number,
            block_hash=known.view.blocks[-1][1],
            block_time=known.view.head_time,
            clock=network.clock(),
            depth=depth,
            as_of=None,
            anchors={query: answer for query, answer in found.items() if answer is not None},
            signatures={},
        )


def _answer(query: FactQuery, handle: bytes, known: Known, depth: int) -> AnchorFacts | None:
    """Return the contract's answer at the view's block; None where the log does not show the root at all."""
    block, time = known.anchored.get(unhex(query.root), (0, 0))
    if not time and query.root != ZERO_WORD:
        return None
    anchored_at = time if block <= known.view.number - depth else 0
    return AnchorFacts(anchored_at, known.revoked.get(handle, 0), known.cutoffs.get(unhex(query.subject), 0))
