"""The upkeep of a vault: compact it, check every block of it, and write again what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.vault.check import Check, Health
from registry.vault.compact import Compacted, Compaction
from registry.vault.folder import VaultFolder
from registry.vault.recording import tombstone_of
from registry.vault.repair import Repair, Repaired
from registry.vault.shares import Shares
from registry.vault.twins import Twins, find_twins


class Waiting(NamedTuple):
    """Blocks that the vault needs no more and keeps for other homes: how many, and how many other homes have a name.

    ``homes`` is None where the store does not tell. Then everything waits.
    """

    blocks: int
    homes: int | None


class Upkeep:
    """What keeps a vault small and whole."""

    def __init__(self, folder: VaultFolder, store: BlockStore, shares: Shares) -> None:
        self._folder, self._store, self._shares = folder, store, shares

    def compact(self, told: Callable[[int, int], object] = lambda *_: None) -> Compacted:
        """Make the store and the working copy smaller; history stays. See `Compaction`.

        ``told`` hears how many of how many segments were read.
        """
        return Compaction(self._folder, self._store, self._shares, told).run()

    def waiting(self) -> Waiting:
        """Return what waits for other homes. The next change frees what they name no more."""
        count = self._folder.journal.waiting
        homes = self._folder.others() if count else ()
        return Waiting(count, None if homes is None else len(homes))

    def check(self, told: Callable[[int], object] = lambda _: None) -> Health:
        """Read all that the vault names, and say what is wrong. ``told`` hears how many bytes were read."""
        return Check(self._folder, self._store, self._shares, told).run()

    def twins(self) -> list[Twins]:
        """Return the records that stand twice, because two devices imported one file before they knew of each other."""
        return [] if (copy := self._folder.copy()) is None else find_twins(copy)

    def remove_twins(self) -> list[str]:
        """Delete those of the twins that have nothing of their own; return their ids. `restore` brings them back."""
        if not self.twins():
            return []
        with self._folder.change() as change:
            copy, gone = self._folder.copy(), list[Record]()
            for twins in find_twins(copy) if copy else ():
                gone += [newest for one in twins.same if copy and (newest := copy.newest(one))]
            for category in sorted({one.category or "" for one in gone}):
                change.add(category, [tombstone_of(one, change.home) for one in gone if one.category == category])
            if gone:
                self._folder.commit(change)
        return [one.id for one in gone]

    def repair(self, health: Health, accept_loss: bool = False) -> Repaired:
        """Write again what a check found to be missing or damaged; see `Repair.run`."""
        return Repair(self._folder, self._store, self._shares, health).run(accept_loss)
