"""The newest records of a bundle, handed out without a file on the disk.

A bundle is read twice: first whole, which checks and counts; then again, to hand the records out. Memory holds ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from registry.client.bundle_lines import check_shown
from registry.core.sealed.bundles import BundleKey
from registry.core.sealed.files import Budget
from registry.core.sealed.heads import StreamReader
from registry.core.sealed.records import Record


class BundleRecords:
    """The records of one bundle in its newest state. ``vault_key`` must have signed its lists; ``get`` returns a block.

    Making one reads all of it: the errors are ``get``'s, ``InvalidInput`` over the budget, ``DamagedSeal`` for what is
    broken or outside of the view, ``WrongCapsule`` and ``Malformed``.
    """

    def __init__(self, key: BundleKey, vault_key: str, get: Callable[[str], bytes], budget: Budget) -> None:
        self.key, self._vault_key, self._get = key, vault_key, get
        self._newest = dict[str, int]()
        self._removed = set[str]()
        members = frozenset(key.view.members)
        for record in self._versions(budget):
            if not record.deleted:
                check_shown(record, key.view, members)
            self._note(record)
        for name in self._removed:
            del self._newest[name]
        self._removed.clear()

    def __len__(self) -> int:
        return len(self._newest)

    def __iter__(self) -> Iterator[Record]:
        """Yield each record's newest version. The first reading has checked them and bounded their number."""
        left = dict(self._newest)
        for record in self._versions(Budget(2**62)):
            if left.get(record.id) == record.counter:
                del left[record.id]
                yield record

    def versions(self) -> Iterator[Record]:
        """Yield all versions that the bundle has, tombstones too, in no certain order."""
        yield from self._versions(Budget(2**62))

    def _versions(self, budget: Budget) -> Iterator[Record]:
        reader = StreamReader(self.key.stream, self.key.identity, self._vault_key, self._get, budget)
        for segment in reader.segments(reader.head(self.key.head)):
            yield from reader.records(segment)

    def _note(self, record: Record) -> None:
        if record.counter <= self._newest.get(record.id, 0):
            return
        self._newest[record.id] = record.counter
        if record.deleted:
            self._removed.add(record.id)
        else:
            self._removed.discard(record.id)
