"""The working copy of a vault, which follows its index: it is filled from the segments that an index names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from registry.core.crypto.seeds import search_key, shredded_marks
from registry.core.errors import WorkingCopyLost
from registry.core.sealed.heads import SegmentRef
from registry.core.sealed.index import OwnStream, VaultBook
from registry.storage.base import BlockStore
from registry.vault.bulk import rarely_collecting
from registry.vault.changes import Owner, read_book, read_index
from registry.vault.copy.store import FactsOf, id_bytes
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.holds import follow_book
from registry.vault.merging import State, has_other_text
from registry.vault.streams import Streams

# The working copy takes so many versions at a time. After a crash it goes on behind these.
_FILLED_AT_ONCE = 100_000

_Lacking = list[tuple[OwnStream, SegmentRef]]


class Mirror:
    """Keeps the working copy in ``file``. ``owner`` reads the vault's documents from ``store``."""

    def __init__(self, file: Path, seed: bytes, owner: Owner, store: BlockStore, facts_of: FactsOf) -> None:
        self._file, self._owner, self._store, self._facts_of = file, owner, store, facts_of
        self._key, self._seed = search_key(seed), seed
        self._copy: WorkingCopy | None = None
        self._read: tuple[str | None, VaultBook] = (None, VaultBook())
        # The book whose schemas say what is searched of a record; None while nobody asked for it.
        self.known: VaultBook | None = None
        self.known_at = ""  # the index that named it

    def book(self, cid: str | None) -> VaultBook:
        """Read a book, or return it again if it was the last one; an empty one for None."""
        if self._read[0] != cid:
            self._read = (cid, read_book(self._owner, self._store, cid))
        return self._read[1]

    def at(self, root: str) -> WorkingCopy:
        """Return the working copy, which then has all that this index names."""
        try:
            return self._current(root)
        except WorkingCopyLost:
            self.make()
            return self._current(root)

    @property
    def is_open(self) -> bool:
        """Whether the copy is open."""
        return self._copy is not None

    def as_it_is(self) -> WorkingCopy | None:
        """Return the copy, whatever it mirrors; None where there is none."""
        if self._copy is None and self._file.exists():
            self._copy = WorkingCopy(self._file, self._key, self._facts_of)
        return self._copy

    def make(self) -> WorkingCopy:
        """Make an empty copy, in place of what is there."""
        self.close()
        self._copy = WorkingCopy.create(self._file, self._key, self._facts_of)
        return self._copy

    def prepare(self, copy: WorkingCopy, now: State, wanted: State) -> WorkingCopy:
        """Read into the copy what another state names, before any index does; return the copy.

        If it fails, set ``known`` to None.
        """
        if has_other_text(now.book, wanted.book):
            # What is searched of a record depends on its schema.
            copy = self.make()
        self.known = wanted.book
        self._fill(copy, wanted.streams.values(), wanted.book)
        return copy

    def marked(self, marks: set[str]) -> Callable[[str], bool]:
        """Return what tells whether the record with an id is among those that were shredded."""
        mark = shredded_marks(self._seed)
        return lambda name: mark(id_bytes(name)) in marks

    def close(self) -> None:
        """Close the working copy. May be called twice."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _current(self, root: str) -> WorkingCopy:
        if self._copy is None:
            self._copy = WorkingCopy(self._file, self._key, self._facts_of)
        if self._copy.is_lost:
            raise WorkingCopyLost("a page of the working copy is damaged")
        if self._copy.root != root:
            index = read_index(self._owner, self._store, root)
            self.known, self.known_at = self.book(index.book), root
            self._fill(self._copy, index.streams, self.known)
            if (book := index.book or "") != self._copy.book:
                follow_book(self._copy, self.known, book, shredded_marks(self._seed))
            self._copy.put((), root)
        return self._copy

    def _fill(self, copy: WorkingCopy, named_streams: Iterable[OwnStream], book: VaultBook) -> None:
        """Put what the copy lacks of these streams, the oldest first, but nothing that was shredded."""
        streams, gone = Streams(self._owner.key, self._store.get, _put_nothing), self.marked(set(book.shredded))
        named = {ref.cid: (stream, ref) for stream in named_streams for ref in reversed(streams.segments(stream))}
        with rarely_collecting():
            for group in _groups([named[cid] for cid in copy.lacking(named)]):
                records = chain.from_iterable(streams.records(stream, ref) for stream, ref in group)
                kept = (record for record in records if not gone(record.id)) if book.shredded else records
                copy.put(kept, "", [ref.cid for _, ref in group])


def _groups(lacking: _Lacking) -> Iterator[_Lacking]:
    group, count = list[tuple[OwnStream, SegmentRef]](), 0
    for one in lacking:
        group.append(one)
        count += one[1].records
        if count >= _FILLED_AT_ONCE:
            yield group
            group, count = [], 0
    if group:
        yield group


def _put_nothing(blocks: Iterable[object]) -> None:
    raise AssertionError("reading puts nothing")
