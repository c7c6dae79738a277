"""Judge the blocks and updates that people send: the worker alone does, because it has the key that opens capsules.

Every block is held for a grant or erased. What a killed process left is found by its note, and erased too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from registry.brand.custody import Custody
from registry.brand.erasing import erase
from registry.brand.handed import Handed, capsule_of, evidence_of, handed_over
from registry.brand.holding import Arrival, Brought, Held, Holding, Kind, Verdict
from registry.brand.records import Answer
from registry.brand.sql.holdings import NO_BOUND, BeingErased, DataFull, Overtaken
from registry.brand.store import Store
from registry.brand.supply import Supply
from registry.brand.verdicts import (
    NotTaken,
    again,
    brand_full,
    failed,
    full,
    missing,
    refuse_foreign,
    require_live,
    require_newer,
    state_problem,
    taken,
    unknown,
    unsure_first,
    verdict_of,
)
from registry.client.accept import check_granted
from registry.client.bundle_walk import BundleWalk, heads_of
from registry.client.network import Network
from registry.core.errors import ConsentError, DatabaseUnavailable
from registry.core.ipld.cid import Block, binary_cid, cid_from_digest
from registry.core.scalars import unhex
from registry.core.sealed.capsule import StreamUpdate
from registry.core.sealed.documents import check_signature, parse_sealed
from registry.core.sealed.files import MAX_OPENED, Budget
from registry.http.guard import places_of

log = logging.getLogger("registry.brand")

MOST_AT_ONCE = 8
# Files that a grant names and that are not there yet.
MOST_PENDING = 65_536
# Seconds: an arrival that is older has no process any more that puts its blocks, or waits for its verdict.
LEFT_SECONDS = 120
# Seconds between two looks for what is to be erased.
_TIDY_SECONDS = 1.0


class _Case(NamedTuple):
    """One grant whose data arrives, with what is held of it by its SHA-256."""

    answer: Answer
    holding: Holding
    held: dict[bytes, Held]
    supply: Supply
    handed: Handed


class Keeper:
    """The worker's judge of what arrives. Of several workers one leads, and one that lost its lead does no harm.

    ``most_bytes`` bounds each grant's data, and ``most_of_all`` that of all grants together.
    """

    def __init__(
        self, network: Network, store: Store, custody: Custody, most_bytes: int, most_of_all: int = NO_BOUND
    ) -> None:
        self._network, self._store, self._custody, self._most_bytes = network, store, custody, most_bytes
        self._most_of_all = most_of_all
        self._tidied_at = -_TIDY_SECONDS

    def step(self) -> bool:
        """Judge what has arrived, and erase what has to go; tell whether anything was done."""
        waiting = self._store.arrivals(MOST_AT_ONCE)
        for arrival in waiting:
            self._judge(arrival)
        if time.monotonic() - self._tidied_at < _TIDY_SECONDS:
            return bool(waiting)
        done = self.tidy()
        self._tidied_at = time.monotonic()
        return bool(waiting) or done

    def tidy(self) -> bool:
        """Erase the data of grants that are over, and what killed processes left; tell whether there was any."""
        now = max(self._network.clock(), self._store.view().head_time)
        over = self._store.leaving(now, MOST_AT_ONCE)
        for holding in over:
            digests = [each.digest for each in self._store.held(holding.answer)]
            # A grant that replaces this one may hold the same blocks.
            self._erase(digests, answer=holding.answer)
            self._store.gone(holding.answer)
        # Listeners write their own clock's time, and a chain may be ahead of it.
        left = self._store.left_arrivals(self._network.clock() - LEFT_SECONDS, MOST_AT_ONCE)
        for arrival in left:
            self._erase(arrival.digests, arrival.id)
            self._store.forget_arrival(arrival.id)
        return bool(over or left)

    def _judge(self, arrival: Arrival) -> None:
        try:
            verdict = self._refusal_of(arrival)
        except Overtaken:
            return  # another worker has judged it, or it comes again with what that one holds
        # Another worker may be about to say yes: who condemns it first, or admits it first, has judged it.
        if verdict is not None and self._store.condemn(arrival.id):
            self._erase(arrival.digests, arrival.id)
            self._store.judged(arrival.id, verdict)

    def _refusal_of(self, arrival: Arrival) -> Verdict | None:
        """Take what arrived, or return why not."""
        try:
            if arrival.lost:
                raise NotTaken(again("a block was erased while it came again"))
            if arrival.kind is Kind.UPDATE:
                self._take_update(arrival)
            else:
                self._take_blocks(arrival)
        except NotTaken as no:
            return no.verdict
        except (DatabaseUnavailable, Overtaken):
            raise
        except ConsentError as error:
            return verdict_of(error)
        except Exception as fault:
            # A fault of this program. What strangers send must not end the worker, and it would come again at once.
            log.error("%s while judging: %s", type(fault).__name__, places_of(fault))
            return failed()
        return None

    def _erase(self, digests: Collection[bytes], judged: int = 0, answer: int = 0) -> None:
        erase(self._store, self._custody, digests, self._network.clock(), judged=judged, answer=answer)

    # Blocks ----------------------------------------------------------------------------------------------------

    def _take_blocks(self, arrival: Arrival) -> None:
        case = self._case_of(arrival)
        walk = self._walked(case)
        known = case.held.keys() | walk.reached | {case.answer.content}
        for block in arrival.blocks:
            if block.digest not in known:
                refuse_foreign(block)
        self._hold(arrival, case, walk, case.holding)

    def _case_of(self, arrival: Arrival) -> _Case:
        """Return the grant that an archive's root means. Several may name one content; the capsule fits one alone."""
        problems = list[Verdict]()
        for answer in self._store.by_content(arrival.content):
            try:
                return self._case(answer, arrival)
            except DatabaseUnavailable:
                raise
            except NotTaken as no:
                problems.append(no.verdict)
            except ConsentError as error:
                problems.append(verdict_of(error))
        raise NotTaken(unsure_first(problems) or unknown("no grant with this content was taken"))

    def _case(self, answer: Answer, arrival: Arrival) -> _Case:
        require_live(answer)
        holding, held, supply = self._state_of(answer, arrival)
        if not supply.has(cid_from_digest(answer.content)):
            if arrival.blocks:
                refuse_foreign(arrival.blocks[0])
            raise NotTaken(missing("the brand has nothing of this grant"))
        identity = self._custody.identity
        if holding.update_digest in held:
            return _Case(answer, holding, held, supply, handed_over(answer, holding, identity, supply.get))
        return _Case(answer, holding, held, supply, Handed(capsule_of(answer, identity, supply.get)))

    def _state_of(self, answer: Answer, arrival: Arrival) -> tuple[Holding, dict[bytes, Held], Supply]:
        holding = self._store.holding(answer.id) or Holding(answer.id)
        held = {each.digest: each for each in self._store.held(answer.id)}
        return holding, held, Supply(self._custody, self._network.store, held.keys() | set(arrival.digests))

    # Updates ---------------------------------------------------------------------------------------------------

    def _take_update(self, arrival: Arrival) -> None:
        (block,) = arrival.blocks
        update = parse_sealed(StreamUpdate, self._custody.block(block.digest), self._custody.identity)
        answer = self._store.by_digest([unhex(update.grant)]).get(unhex(update.grant))
        if answer is None or not answer.content:
            raise NotTaken(unknown("no grant of this digest was taken"))
        require_live(answer)
        holding, held, supply = self._state_of(answer, arrival)
        if not supply.has(cid_from_digest(answer.content)):
            raise NotTaken(missing("the brand has not got the grant's capsule"))
        capsule = capsule_of(answer, self._custody.identity, supply.get)
        check_signature(update, capsule.vault_key)
        check_granted(evidence_of(answer), update.streams)
        if holding.update_digest == block.digest and block.digest in held:
            self._store.judged(arrival.id, Verdict(200, {"number": holding.number}))
            return
        require_newer(update, holding, block)
        case = _Case(answer, holding, held, supply, Handed(capsule, update))
        new = holding._replace(number=update.number, update_digest=block.digest)
        self._hold(arrival, case, self._walked(case), new, Verdict(201, {"number": update.number}))

    # Both ------------------------------------------------------------------------------------------------------

    def _walked(self, case: _Case) -> BundleWalk:
        """Walk on from where the blocks ended last time, and from the newest heads."""
        handed, held = case.handed, case.held
        walked = {digest for digest, each in held.items() if each.walked}
        get, has, budget = case.supply.get, case.supply.has, Budget(MAX_OPENED)
        walk = BundleWalk(handed.keys, handed.capsule.vault_key, get, has, walked, budget)
        begun = case.holding.pending if case.answer.content in held else heads_of(handed.capsule.streams)
        walk.go([*begun, *heads_of(handed.newest)])
        if len(walk.pending) > MOST_PENDING:
            raise NotTaken(full(f"it names {len(walk.pending):,} files that are not there"))
        return walk

    def _hold(
        self, arrival: Arrival, case: _Case, walk: BundleWalk, holding: Holding, verdict: Verdict | None = None
    ) -> None:
        cids = case.supply.fetched(walk.reached | {case.answer.content})
        if not cids:
            self._admit(arrival, case, walk, holding, verdict)
            return
        # A note comes before the copies, so that a killed process leaves no block that nobody knows.
        note = Arrival(Kind.FETCHED, tuple(Brought(binary_cid(cid), 0) for cid in cids), self._network.clock())
        id = self._store.arrive(note)
        try:
            copied = self._copied(case, cids)
            self._admit(arrival._replace(blocks=(*arrival.blocks, *copied)), case, walk, holding, verdict)
        except (NotTaken, Overtaken):
            self._erase(note.digests, id)
            self._store.forget_arrival(id)
            raise
        self._store.forget_arrival(id)

    def _admit(
        self, arrival: Arrival, case: _Case, walk: BundleWalk, holding: Holding, verdict: Verdict | None
    ) -> None:
        new = {each.digest: Held(each.digest, each.size) for each in arrival.blocks if each.digest not in case.held}
        every = case.held | new
        new |= {digest: every[digest]._replace(walked=True) for digest in walk.done}
        # Each update has every key, so the one before goes.
        old = {case.holding.update_digest} - {holding.update_digest, b""}
        kept = [each for digest, each in (every | new).items() if digest not in old]
        holding = self._counted(case, walk, holding, kept)
        bounds: dict[str, Any] = {"before": case.holding, "most": self._most_of_all}
        try:
            lives = self._store.admit(arrival.id, holding, list(new.values()), old, verdict or taken(holding), **bounds)
        except BeingErased:
            raise NotTaken(again("a block was erased while it came again")) from None
        except DataFull:
            raise NotTaken(brand_full()) from None
        if not lives:
            raise NotTaken(state_problem(self._again(case.answer)) or missing("the grant has just changed"))
        self._erase(old & case.held.keys())

    def _counted(self, case: _Case, walk: BundleWalk, holding: Holding, kept: Sequence[Held]) -> Holding:
        size = sum(each.size for each in kept)
        if size > self._most_bytes:
            raise NotTaken(full(f"it has more than {self._most_bytes:,} bytes"))
        complete, versions = walk.tally(case.handed.newest)
        has_newest = not holding.number or case.handed.update is not None
        return holding._replace(
            pending=tuple(walk.pending),
            versions=versions,
            complete=complete and has_newest,
            blocks=len(kept),
            bytes=size,
            changed_at=self._network.clock(),
            leaving=False,
        )

    def _copied(self, case: _Case, cids: Sequence[str]) -> list[Brought]:
        """Copy blocks from the network's store into the brand's own."""
        copied = list[Brought]()

        def noted() -> Iterator[Block]:
            for block in case.supply.copied(cids):
                copied.append(Brought(binary_cid(block.cid), len(block.data)))
                yield block

        self._custody.blocks.put(noted())
        return copied

    def _again(self, answer: Answer) -> Answer:
        (now,) = self._store.by_id([answer.id])
        return now
