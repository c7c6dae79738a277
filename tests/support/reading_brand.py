"""A brand that opens bundles into a folder and brings it up to date, as `consent open` does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from registry.client.open_bundles import BundleOpener
from registry.core.crypto.seeds import relationship_key
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.sealed.bundles import BundleKey
from registry.core.sealed.capsule import StreamUpdate
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.files import Budget
from registry.storage.base import BlockStore
from registry.vault.database import Database
from tests.support.builders import CONTROLLER, SEED, SUBJECT, word

Update = tuple[int, tuple[BundleKey, ...]]
GRANT = word(99)


def update_of(vault: Database, lock: str) -> Update:
    """Bring the bundles of a grant up to date, and return what goes to the brand."""
    keys = vault.shares.bring_up_to_date(lock)
    return sum(one.number for one in vault.shares.of(lock)), keys


class ReadingBrand:
    """What a brand holds of one grant, in ``folder``."""

    def __init__(self, store: BlockStore, folder: Path) -> None:
        self._store, self._folder = store, folder

    def take(self, update: Update) -> bool:
        """Take an update; whether it was newer than what the brand has, or the same."""
        number, keys = update
        signer = public_key_of(relationship_key(SEED, SUBJECT, CONTROLLER))
        opener = BundleOpener(self._store, signer, Budget(1 << 30))
        try:
            if (self._folder / "opened.json").exists():
                opener.update(StreamUpdate(grant=GRANT, number=number, streams=keys), self._folder)
            else:
                self._folder.mkdir(parents=True, exist_ok=True)
                opener.open(GRANT, keys, self._folder, number)
        except InvalidInput as error:
            assert "already" in str(error) or "another update with the number" in str(error)
            return False
        return True

    def may_take(self, update: Update) -> bool:
        """Take an update that may be too old to be read or to be taken."""
        try:
            return self.take(update)
        except StorageUnavailable:
            if not self.has_opened:
                shutil.rmtree(self._folder, ignore_errors=True)
            return False

    @property
    def has_opened(self) -> bool:
        return (self._folder / "opened.json").exists()

    def names(self) -> list[str]:
        return sorted(self._names())

    def _names(self) -> Iterable[str]:
        for file in self._folder.glob("*.jsonl"):
            yield from (json.loads(line)["body"]["name"] for line in file.read_text().splitlines())
