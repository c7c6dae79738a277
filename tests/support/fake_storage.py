"""A block store in memory, with a switch for each failure of a real one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from registry.core.errors import StorageDown, StorageFull, StorageUnavailable
from registry.core.ipld.cid import Block, digest_of_cid
from registry.storage.base import StoreStat, accepted, check_homes, check_name, checked


@dataclass
class MemoryBlocks:
    """A BlockStore. The switches may be set at any time.

    ``down``: nothing answers. ``names_down``: nothing does that concerns names. ``delay``: seconds before each answer.
    ``lies``: reads return other bytes. ``loses``: puts are forgotten. ``capacity``: bytes after which it is full
    (None: never).
    """

    down: bool = False
    names_down: bool = False
    delay: float = 0.0
    lies: bool = False
    loses: bool = False
    capacity: int | None = None
    kept: dict[bytes, bytes] = field(default_factory=dict)
    named: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        self._answer()
        new = {accepted(block): block.data for block in blocks}
        after = sum(map(len, (self.kept | new).values()))
        if self.capacity is not None and after > self.capacity:
            raise StorageFull("the block store is full", "Free some space, then try again.")
        if not self.loses:
            self.kept |= new

    def get(self, cid: str) -> bytes:
        digest = digest_of_cid(cid)
        self._answer()
        if digest not in self.kept:
            raise StorageUnavailable(f"the block store does not hold {cid}")
        data = self.kept[digest]
        return checked(cid, data[::-1] + b"!" if self.lies else data)

    def reader(self, root: str) -> Callable[[str], bytes]:
        return self.get

    def has(self, cid: str) -> bool:
        digest = digest_of_cid(cid)
        self._answer()
        return digest in self.kept

    def delete(self, cids: Iterable[str]) -> None:
        digests = [digest_of_cid(cid) for cid in cids]
        self._answer()
        for digest in digests:
            self.kept.pop(digest, None)

    def stat(self) -> StoreStat:
        self._answer()
        return StoreStat(len(self.kept), sum(map(len, self.kept.values())))

    def names(self, name: str) -> dict[str, bytes]:
        check_name(name)
        self._answer_names()
        return dict(self.named.get(name, {}))

    def set_name(self, name: str, home: str, data: bytes | None) -> None:
        check_name(name, home, data)
        self._answer_names()
        homes = self.named.setdefault(name, {})
        if data is None:
            homes.pop(home, None)
        else:
            check_homes([home, *homes])
            homes[home] = data

    def _answer_names(self) -> None:
        self._answer()
        if self.names_down:
            raise StorageDown("the block store does not answer")

    def _answer(self) -> None:
        if self.delay:  # a sleep of nothing still lets other processes run first
            time.sleep(self.delay)
        if self.down:
            raise StorageDown("the block store does not answer")
