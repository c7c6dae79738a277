"""The vault of the figures: made once, restored from other places, and read by a brand."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from registry.core.crypto.seeds import relationship_key
from registry.core.ipld.cid import RAW, Block, text_of_cid
from registry.core.sealed.bundles import BundleKey, View
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.heads import StreamReader
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore, StoreStat
from registry.storage.sqlite_store import SqliteBlocks
from registry.vault.database import Database
from registry.vault.importers.base import Restored
from registry.vault.importers.keys import version_key
from registry.wallets.mnemonic import seed_of, words_of

WORDS = words_of(bytes(range(32)))
SEED = seed_of(WORDS)
SUBJECT, CONTROLLER, LOCK = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 32
# Half of ten years, and so half of the purchases.
VIEW = View(
    "pd:Purchase", ("name", "orderDate", "price", "priceCurrency", "seller"), until="2021-01-01", continuing=True
)


class Counted:
    """A store, and how many bytes of blocks were put into it and read from it."""

    def __init__(self, store: BlockStore) -> None:
        self._store, self.put_bytes, self.read_bytes = store, 0, 0

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        self._store.put(map(self._counted, blocks), public=public)

    def get(self, cid: str) -> bytes:
        data = self._store.get(cid)
        self.read_bytes += len(data)
        return data

    def reader(self, root: str) -> Callable[[str], bytes]:
        return self.get

    def has(self, cid: str) -> bool:
        return self._store.has(cid)

    def delete(self, cids: Iterable[str]) -> None:
        self._store.delete(cids)

    def stat(self) -> StoreStat:
        return self._store.stat()

    def _counted(self, block: Block) -> Block:
        self.put_bytes += len(block.data)
        return block


def seconds(work: Callable[[], object], runs: int = 1) -> float:
    """Return the shortest time of some runs."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def restored(records: Iterable[Record]) -> Iterator[Restored]:
    """Yield records as an export would, so that a vault takes them as they are."""
    return (Restored(record, None, version_key(record), "") for record in records)


def restore(folder: Path, root: str, store: BlockStore) -> int:
    """Bring a vault back in a new folder from the words and the CID of its index; return how many records it has."""
    folder.mkdir()
    (folder / "index").write_text(f"{root}\n")
    with Database(folder, seed_of(WORDS), store) as vault:
        return vault.stats().records


def blocks_in(path: Path) -> Iterator[Block]:
    """Yield all blocks of a SQLite store. A store keeps them by their hash, whatever their CIDs were."""
    db = sqlite3.connect(path)
    try:
        for digest, data in db.execute("SELECT digest, data FROM blocks WHERE live = 1"):
            yield Block(text_of_cid(RAW + digest), data)
    finally:
        db.close()


def read_bundle(store: BlockStore, key: BundleKey, known: Iterable[str] = ()) -> list[str]:
    """Read a bundle as a brand does, but the segments that it has already; return the CIDs of all segments."""
    signer = public_key_of(relationship_key(SEED, SUBJECT, CONTROLLER))
    reader = StreamReader(key.stream, key.identity, signer, store.get)
    segments = list(reader.segments(reader.head(key.head)))
    for segment in segments:
        if segment.cid not in known and sum(1 for _ in reader.records(segment)) != segment.records:
            raise RuntimeError("a segment is not whole")
    return [segment.cid for segment in segments]


def records_of(store: BlockStore, key: BundleKey) -> int:
    """Return how many versions a bundle holds."""
    signer = public_key_of(relationship_key(SEED, SUBJECT, CONTROLLER))
    reader = StreamReader(key.stream, key.identity, signer, store.get)
    return sum(segment.records for segment in reader.segments(reader.head(key.head)))


def main() -> None:
    """Read a bundle in a process of its own: the store's file and the key stand behind the command."""
    with SqliteBlocks(sys.argv[1]) as store:
        read_bundle(store, msgspec.convert(json.loads(sys.argv[2]), BundleKey))
