"""A person's vault: records sealed each to its stream, streams listed in an index that only the owner opens.

One file on disk, ``index``, names the newest index by its CID; everything else is blocks in the store. A change
stores all its blocks first and moves that name last, so a crash leaves the vault as it was before.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from filelock import FileLock, Timeout

from registry.core.capsules import StreamHead, StreamKey, seal_head, signed
from registry.core.cids import LEAF_BYTES, Block, blocks_of, cid_of_block, digest_of_cid, file_blocks
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.recipients import generate_identity, recipient_of
from registry.core.scalars import check_term
from registry.core.sealing import sealed_pieces
from registry.core.seeds import owner_identity, vault_key
from registry.storage.base import BlockStore
from registry.storage.files import Pieces, replace_file
from registry.vault.index import Index, Record, Stream, open_index, seal_index

FILE_SCHEMA = "consent-file/1"
LOCK_SECONDS = 60


class Vault:
    """The vault in a directory, opened with its seed (32 bytes)."""

    def __init__(self, directory: Path, seed: bytes, store: BlockStore) -> None:
        self._directory, self._store = directory, store
        self._identity, self._key = owner_identity(seed), vault_key(seed)

    @property
    def recipient(self) -> str:
        """The owner's age recipient: what others seal to, so that only this vault's seed opens it."""
        return recipient_of(self._identity)

    @property
    def identity(self) -> str:
        """The owner's age identity: secret, for opening what was sealed to `recipient`."""
        return self._identity

    @property
    def key(self) -> Ed25519PrivateKey:
        """The key that signs heads and capsules."""
        return self._key

    def index(self) -> Index:
        """Everything that is in the vault now."""
        roots = self.roots()
        try:
            return open_index(roots[0], self._store, self._identity) if roots else Index()
        except StorageUnavailable:
            # A change since has replaced it and erased the old one.
            if self.roots() == roots:
                raise
        return self.index()

    def roots(self) -> list[str]:
        """The CID of the newest index, if there is one: with the seed it restores the whole vault."""
        name = self._directory / "index"
        return [_read_name(name)] if name.exists() else []

    def add(self, body: BinaryIO, *, category: str, name: str, media_type: str, now: int) -> Record:
        """Seal a file of any size as one record of this category; durable when it returns."""
        check_term(category, "category")
        with self._change() as index:
            stream = index.newest(category) or self._write_head(None, category, 1, ())
            start = body.tell()
            pieces = Pieces(sealed_pieces(body, [recipient_of(stream.identity)]))
            cid = self._keep(file_blocks(io.BufferedReader(pieces, LEAF_BYTES)))
            record = Record(cid, FILE_SCHEMA, media_type, name, body.tell() - start, now)
            self._save(index, self._write_head(stream, category, stream.epoch, (*stream.records, record)))
        return record

    def keys_for(self, categories: Collection[str]) -> tuple[StreamKey, ...]:
        """What opens all streams of these categories, old epochs too; nothing for those that hold no records."""
        streams = [s for s in self.index().streams if s.category in categories and s.records]
        return tuple(stream.key for stream in streams)

    def renew(self, categories: Collection[str]) -> list[str]:
        """Start a new epoch of each stream that holds records, so that the keys handed out open nothing later.

        Returns the categories that were renewed.
        """
        renewed = []
        with self._change() as index:
            for category in sorted(set(categories)):
                newest = index.newest(category)
                if newest is not None and newest.records:
                    renewed.append(self._write_head(None, category, newest.epoch + 1, ()))
            if renewed:
                self._save(index, *renewed)
        return [stream.category for stream in renewed]

    @contextmanager
    def _change(self) -> Iterator[Index]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self._directory / "lock")
        try:
            held = lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise StorageUnavailable(f"another process has changed the vault for {LOCK_SECONDS} seconds") from None
        with held:
            yield self.index()

    def _write_head(self, old: Stream | None, category: str, epoch: int, records: tuple[Record, ...]) -> Stream:
        identity = old.identity if old else generate_identity()
        number, previous = (old.number + 1, old.head) if old else (1, None)
        references = tuple(record.reference for record in records)
        head = signed(StreamHead(category, epoch, number, previous, references), self._key)
        block = _block(seal_head(head, recipient_of(identity)))
        self._store.put([block])
        return Stream(category, epoch, identity, block.cid, number, records)

    def _save(self, index: Index, *changed: Stream) -> None:
        places = {(stream.category, stream.epoch) for stream in changed}
        others = (stream for stream in index.streams if (stream.category, stream.epoch) not in places)
        old = [block.cid for root in self.roots() for block in blocks_of(root, self._store.get)]
        cid = self._keep(seal_index(Index((*others, *changed)), self.recipient))
        replace_file(self._directory / "index", cid.encode() + b"\n")
        # It holds every stream's key: what is shredded later must not live on in an index of before.
        self._store.delete(old)

    def _keep(self, blocks: Iterable[Block]) -> str:
        """Store the blocks of one file in one commit; its CID is that of the last one, the root."""
        last = ""

        def watched() -> Iterator[Block]:
            nonlocal last
            for block in blocks:
                last = block.cid
                yield block

        self._store.put(watched())
        return last


def _block(data: bytes) -> Block:
    return Block(cid_of_block(data), data)


def _read_name(path: Path) -> str:
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        digest_of_cid(text)
    except InvalidInput:
        raise InvalidInput("the vault's index holds no content identifier", "Restore it from a backup.") from None
    return text
