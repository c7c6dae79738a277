"""Close batches, and pin their manifests. Any worker may do it."""

from __future__ import annotations

import time
from collections.abc import Callable

from registry.core.errors import StorageUnavailable
from registry.core.ipld.cid import Block, cid_from_digest
from registry.notary.condition import Condition, Trouble, promise_time, read_note, trouble
from registry.notary.records import Batch, BatchState
from registry.notary.settings import NotarySettings
from registry.notary.stores import Stores
from registry.storage.base import BlockStore


class Packer:
    """Makes batches of waiting commitments. ``trouble`` says what holds it up since the last step, if anything."""

    def __init__(
        self, stores: Stores, blocks: BlockStore, settings: NotarySettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._book, self._blocks = stores.book, blocks
        self._settings, self._clock = settings, clock
        self.trouble: Trouble | None = None

    def step(self, *, at_once: bool = False) -> bool:
        """Close one batch, if it is time or ``at_once``, and pin those that are closed; return whether any was."""
        closed = self._close(at_once)
        return self._pin() or closed

    def _close(self, at_once: bool) -> bool:
        items, seconds = self._settings.batch_items, self._settings.batch_seconds
        now = promise_time(self._clock(), read_note(self._book.notes()))
        closed = self._book.close_batch(now, items=items, seconds=seconds, at_once=at_once)
        return closed is not None

    def _pin(self) -> bool:
        batches = self._book.batches(BatchState.CLOSED)
        try:
            for batch in batches:
                self._pin_one(batch)
        except StorageUnavailable as error:
            self.trouble = trouble(Condition.STORE, error)
            return False
        self.trouble = None
        return bool(batches)

    def _pin_one(self, batch: Batch) -> None:
        data = self._book.manifest(batch.root)
        assert data is not None
        self._blocks.put([Block(cid_from_digest(batch.manifest), data)], public=True)
        # Meanwhile another worker may have pinned it, and the leader may have sent it.
        now = self._book.batch(batch.root)
        if now is not None and now.state is BatchState.CLOSED:
            self._book.set_batch(batch.id, BatchState.PINNED)
