"""One change of the vault: versions go into streams, the streams into an index, and the index becomes the newest.

Until then nothing has changed: a process that dies leaves the old state, and the next change erases what it put.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.age.recipients import recipient_of
from registry.core.ipld.cid import Block
from registry.core.ipld.unixfs import blocks_of, file_blocks
from registry.core.sealed.documents import Signed, open_document, public_key_of, seal_document, signed
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import MAX_INDEX, OwnStream, VaultBook, VaultIndex
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.vault.journal import Journal
from registry.vault.streams import Grown, Keep, NewStream, Streams, new_stream


class Owner(NamedTuple):
    """Who owns the vault: the key that signs, the age identity that index and book are sealed to, and the home."""

    key: Ed25519PrivateKey
    identity: str
    home: str

    def __repr__(self) -> str:
        return f"Owner(home={self.home!r})"


class Change:
    """What is to become the next state of a vault. `commit` makes it so, at once. Use it once, under the lock.

    With ``is_new`` the last index is not read: it is lost.
    """

    def __init__(
        self,
        owner: Owner,
        store: BlockStore,
        journal: Journal,
        keep: Keep = lambda record: True,
        is_new: bool = False,
    ) -> None:
        self._owner, self._store, self._journal = owner, store, journal
        self.index = read_index(owner, store, journal.index) if journal.index and not is_new else None
        self._streams = Streams(owner.key, store.get, journal.put, keep)
        self._new = dict[str, tuple[OwnStream | NewStream, list[SegmentRef]]]()
        self._book = self.index.book if self.index else None
        self._rewritten = dict[str, OwnStream | None]()
        self._stale = list[str]()
        # The blocks that `commit` lets go.
        self.replaced = list[str]()

    @property
    def home(self) -> str:
        """The home that writes this change."""
        return self._owner.home

    def put(self, blocks: Iterable[Block]) -> None:
        """Put blocks that a record of this change names, such as those of a large file."""
        self._journal.put(blocks)

    def add(self, category: str, records: Iterable[Record]) -> None:
        """Seal and put versions of records of this category, tombstones too. Memory holds one segment."""
        if category not in self._new:
            self._new[category] = (self._stream_of(category), [])
        stream, segments = self._new[category]
        segments += self._streams.store(stream, records)

    def rewrite(self, stream: OwnStream, segments: Sequence[SegmentRef], old: Iterable[str]) -> None:
        """Have a stream name exactly these segments, newest first, and let its other ``old`` files go.

        Without a segment the stream leaves the index, and its key with it.
        """
        if not segments:
            self._rewritten[stream.stream] = None
            self._stale += old
            return
        grown = self._streams.rewrite(stream, segments, old)
        self._rewritten[stream.stream] = grown.stream
        self._stale += grown.replaced

    def replace(self, files: Iterable[str]) -> None:
        """Let these files (CIDs) go once this change is the newest state."""
        self._stale += files

    def set_book(self, book: VaultBook, is_lost: bool = False) -> None:
        """Put another book in place of the one that the index names, which ``is_lost`` if it cannot be read."""
        if self._book is not None and not is_lost:
            self._stale.append(self._book)
        self._book = self._put_document(book)

    def commit(self) -> str:
        """Make all of this the newest state, durably; return the CID of its index."""
        grown = [self._streams.grow(stream, segments) for stream, segments in self._new.values() if segments]
        counter = self.index.counter + 1 if self.index else 1
        streams = tuple(_replaced(self._streams_left(), grown))
        made = VaultIndex(home=self._owner.home, counter=counter, streams=streams, book=self._book)
        cid = self._put_document(made)
        old = [self._journal.index] if self.index else []
        stale = [*old, *self._stale, *(name for one in grown for name in one.replaced)]
        self.replaced = list(self._blocks_of(stale))
        self._journal.commit(cid, self.replaced)
        return cid

    def _streams_left(self) -> list[OwnStream]:
        streams = self.index.streams if self.index else ()
        return [one for old in streams if (one := self._rewritten.get(old.stream, old)) is not None]

    def _stream_of(self, category: str) -> OwnStream | NewStream:
        """Return the stream that takes new records: of several, which homes made apart, the first by name."""
        found = [one for one in (self.index.streams if self.index else ()) if one.category == category]
        return min(found, key=lambda one: one.stream) if found else new_stream(category)

    def _put_document(self, document: Signed) -> str:
        sealed = seal_document(signed(document, self._owner.key), recipient_of(self._owner.identity))
        blocks = list(file_blocks(io.BytesIO(sealed)))
        self._journal.put(blocks)
        return blocks[-1].cid

    def _blocks_of(self, files: Iterable[str]) -> Iterator[str]:
        for name in files:
            yield from (block.cid for block in blocks_of(name, self._store.get))


def read_index(owner: Owner, store: BlockStore, cid: str) -> VaultIndex:
    """Read an index of the owner's. The errors are those of `open_document` and of the store."""
    sealed = read_stored(cid, store.get, MAX_INDEX, Budget())
    return open_document(VaultIndex, sealed, owner.identity, public_key_of(owner.key))


def _replaced(streams: Iterable[OwnStream], grown: list[Grown]) -> Iterator[OwnStream]:
    changed = {one.stream.stream: one.stream for one in grown}
    for stream in streams:
        yield changed.pop(stream.stream, stream)
    yield from changed.values()
