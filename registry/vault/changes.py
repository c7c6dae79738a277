"""One change of the vault: versions go into streams, the streams into an index, and the index becomes the newest.

Until then nothing has changed: a process that dies leaves the old state, and the next change erases what it put.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.core.age.recipients import recipient_of
from registry.core.ipld.cid import Block
from registry.core.ipld.unixfs import blocks_of, file_blocks
from registry.core.sealed.documents import Signed, open_document, public_key_of, seal_document, signed
from registry.core.sealed.files import Budget, read_stored
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import MAX_BOOK, MAX_INDEX, OwnStream, VaultBook, VaultIndex
from registry.core.sealed.records import Record
from registry.storage.base import BlockStore
from registry.vault.journal import OWN, Journal, Waiting
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
        self._entries = {one.stream: one for one in (self.index.streams if self.index else ())}
        self._new = dict[str, tuple[OwnStream | NewStream, list[SegmentRef]]]()
        self._book = self.index.book if self.index else None
        self._stale, self._waiting, self._is_new = list[str](), list[Waiting](), is_new

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

    def adopt(self, streams: Iterable[OwnStream]) -> None:
        """Name these streams of other homes too, or these newer heads of them."""
        self._entries |= {one.stream: one for one in streams}

    def drop(self, is_gone: Callable[[Record], bool]) -> None:
        """Take these versions out of all streams of this home. Call it before `add`; it reads them all.

        A stream of another home stays as it is: that home takes them out when it learns of it.
        """
        assert not self._new, "drop first"
        for stream in list(self._entries.values()):
            if stream.stream.startswith(self.home) and (grown := self._streams.without(stream, is_gone)):
                self._take(grown)

    def replace(self, files: Iterable[str], stream: str = "", number: int = 0) -> None:
        """Let these files (CIDs) go once this change is the newest state.

        Name the ``stream`` (an own one, or a bundle) that does without them from its version ``number`` on, if another
        home may name it too: then they go once every home has gone on to there. Without it they go at once.
        """
        if not stream:
            self._stale += self._blocks_of(files)
        for file in files if stream else ():
            self._waiting += [Waiting(block, file, stream, number) for block in self._blocks_of([file])]

    def rewrite(
        self, stream: OwnStream, segments: Sequence[SegmentRef], old: Iterable[str], stays: bool = True
    ) -> None:
        """Have a stream name exactly these segments, newest first, and let its other ``old`` files go.

        Without a segment the stream leaves the index, and its key with it, unless it ``stays``: another home that
        names it would bring it back.
        """
        if segments or stays:
            self._take(self._streams.rewrite(stream, segments, old))
            return
        self._entries.pop(stream.stream)
        self.replace(old)

    @property
    def replaced(self) -> list[str]:
        """The blocks that go once this change is the newest state, at once or when no other home names them."""
        return [*self._stale, *(one.block for one in self._waiting)]

    def set_book(self, book: VaultBook, is_lost: bool = False) -> None:
        """Put another book in place of the one that the index names, which ``is_lost`` if it cannot be read."""
        if self._book is not None and not is_lost:
            self.replace([self._book], OWN)
        self._book = self._put_document(book)

    def commit(self) -> str:
        """Make all of this the newest state, durably; return the CID of its index. `Journal.settle` is due then."""
        for stream, segments in self._new.values():
            if segments:
                self._take(self._streams.grow(stream, segments))
        counter, streams = self.index.counter + 1 if self.index else 1, tuple(self._entries.values())
        self.index = VaultIndex(home=self.home, counter=counter, streams=streams, book=self._book)
        cid = self._put_document(self.index)
        if self._journal.index and not self._is_new:
            self.replace([self._journal.index], OWN)
        self._journal.commit(cid, self._stale, self._waiting)
        return cid

    def _take(self, grown: Grown) -> None:
        self._entries[grown.stream.stream] = grown.stream
        self.replace(grown.replaced, grown.stream.stream, grown.stream.number)

    def _stream_of(self, category: str) -> OwnStream | NewStream:
        """Return this home's stream for new records. Another home's is that home's alone."""
        found = [one for one in self._entries.values() if one.category == category]
        own = [one for one in found if one.stream.startswith(self.home)]
        return min(own, key=lambda one: one.stream) if own else new_stream(category, self.home)

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


def read_book(owner: Owner, store: BlockStore, cid: str | None) -> VaultBook:
    """Read a book of the owner's, with the errors of `read_index`; an empty one for None."""
    if cid is None:
        return VaultBook()
    sealed = read_stored(cid, store.get, MAX_BOOK, Budget())
    return open_document(VaultBook, sealed, owner.identity, public_key_of(owner.key))
