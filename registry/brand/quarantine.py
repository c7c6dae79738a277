"""Take sealed blocks and updates before they are judged: checked for their form, put into the store, and noted.

The process that faces the network opens nothing. The worker, which has the key, judges by the note (`keeper`).
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.brand.custody import required
from registry.brand.desk import Desk
from registry.brand.holding import Arrival, Brought, Kind, Verdict
from registry.brand.records import Answer
from registry.brand.verdicts import NotTaken, brand_full, state_problem, taken, unknown, unsure_first
from registry.core.errors import Malformed
from registry.core.ipld.car import parse_car
from registry.core.ipld.cid import Block, binary_cid, cid_of_block, digest_of_cid, is_leaf
from registry.core.sealed.capsule import StreamUpdate
from registry.http.problems import busy

MAX_CAR, MAX_BLOCKS = 32 << 20, 8_192
MAX_UPDATE = StreamUpdate.MAX_SEALED


class Quarantine:
    """One process's side of the intake of blocks and updates. Safe for threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._store = desk, desk.store

    def bring_blocks(self, raw: bytes) -> Verdict | int:
        """Put the blocks of an archive before the worker; return the arrival's id, or the verdict if it is clear.

        ``Malformed`` for what is no archive of ours. ``CouldNotCheck`` where the chain's view is too old or the store
        is away: nothing is kept then.
        """
        car = parse_car(raw, MAX_BLOCKS)
        if len(car.roots) != 1 or not is_leaf(car.roots[0]):
            raise Malformed("the CAR does not name a grant's content as its one root", "Name it, as its raw CID.")
        content = digest_of_cid(car.roots[0])
        live = self._live(content)
        digests = {digest_of_cid(block.cid) for block in car.blocks}
        for answer in live if digests else ():
            holding = self._store.holding(answer.id) if self._store.holds_all(answer.id, digests) else None
            if holding is not None and self._are_there(car.blocks):
                return taken(holding)
        if car.blocks and self._store.data_bytes() >= self._desk.settings.data_bytes:
            raise NotTaken(brand_full())
        return self._bring(Kind.BLOCKS, car.blocks, content)

    def bring_update(self, sealed: bytes) -> int:
        """Put a sealed update before the worker; return the arrival's id. The errors are those of `bring_blocks`."""
        if not 0 < len(sealed) <= MAX_UPDATE:
            raise Malformed("this is no sealed update", "Send the bytes that `consent vault sync` writes.")
        self._desk.sight.require()
        return self._bring(Kind.UPDATE, [Block(cid_of_block(sealed), sealed)])

    def look(self, content: bytes) -> int:
        """Let the worker look for a grant's blocks in the network's store; return the arrival's id."""
        return self._bring(Kind.BLOCKS, [], content)

    def verdict(self, id: int) -> Verdict | None:
        """Return the verdict on an arrival, once, or None while there is none."""
        arrival = self._store.arrival(id)
        if arrival is None:
            return Verdict(503, {}, "WorkerSilent", "it was not judged in time", "Send it again.")
        if arrival.verdict is not None:
            self._store.forget_arrival(id)
        return arrival.verdict

    def _live(self, content: bytes) -> Sequence[Answer]:
        """Return the live grants with this content; `NotTaken` where there is none."""
        self._desk.sight.require()
        answers = self._store.by_content(content)
        problems = [state_problem(answer) for answer in answers]
        live = [answer for answer, problem in zip(answers, problems, strict=True) if problem is None]
        if not live:
            raise NotTaken(unsure_first(problems) or unknown("no grant with this content was taken"))
        return live

    def _are_there(self, blocks: Sequence[Block]) -> bool:
        """Whether the store has these too: one that was lost, or restored from a back-up, gets them again."""
        has = required(self._desk.custody).blocks.has
        return all(has(block.cid) for block in blocks)

    def _bring(self, kind: Kind, blocks: Sequence[Block], content: bytes = b"") -> int:
        custody = required(self._desk.custody)
        brought = tuple(Brought(binary_cid(block.cid), len(block.data)) for block in blocks)
        # The note comes first: what a killed process put into the store is found by it, and erased.
        id = self._store.arrive(Arrival(kind, brought, self._desk.network.clock(), content))
        if not id:
            raise busy("Busy", "too much waits to be judged", "Send it again soon.", 2)
        try:
            custody.blocks.put(blocks)
        except BaseException:
            self._store.abandon(id)
            raise
        if not self._store.arrived(id):
            # This took so long that the worker erased them already, before some were there: they get a new note.
            self._store.arrive(Arrival(Kind.FETCHED, brought, 0))
            raise busy("Busy", "the store is too slow now", "Send it again soon.")
        return id
