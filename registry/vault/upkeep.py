"""The upkeep of a vault: compact it, check every block of it, and write again what is missing."""

from __future__ import annotations

from collections.abc import Callable

from registry.storage.base import BlockStore
from registry.vault.check import Check, Health
from registry.vault.compact import Compacted, Compaction
from registry.vault.folder import VaultFolder
from registry.vault.repair import Repair, Repaired
from registry.vault.shares import Shares


class Upkeep:
    """What keeps a vault small and whole."""

    def __init__(self, folder: VaultFolder, store: BlockStore, shares: Shares) -> None:
        self._folder, self._store, self._shares = folder, store, shares

    def compact(self, told: Callable[[int, int], object] = lambda *_: None) -> Compacted:
        """Make the store and the working copy smaller; history stays. See `Compaction`.

        ``told`` hears how many of how many segments were read.
        """
        return Compaction(self._folder, self._store, self._shares, told).run()

    def check(self, told: Callable[[int], object] = lambda _: None) -> Health:
        """Read all that the vault names, and say what is wrong. ``told`` hears how many bytes were read."""
        return Check(self._folder, self._store, self._shares, told).run()

    def repair(self, health: Health, accept_loss: bool = False) -> Repaired:
        """Write again what a check found to be missing or damaged; see `Repair.run`."""
        return Repair(self._folder, self._store, self._shares, health).run(accept_loss)
