"""Find one record in an index, open it, and compare it with a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from registry.core.age.stream import open_sealed
from registry.core.errors import CouldNotCheck, InvalidInput, SealedDataError
from registry.core.ipld.unixfs import LEAF_BYTES, blocks_of, read_file
from registry.core.scalars import format_utc
from registry.fs.files import is_special, make_folder, replacing, writing
from registry.fs.streams import PieceReader
from registry.storage.base import BlockStore
from registry.vault.index import Index, Record, Stream

SHORT = 16  # characters of a CID's 59; the first seven are the same in all
MAX_CANDIDATES = 10


class Found(NamedTuple):
    """A record, and the stream that it is sealed to."""

    stream: Stream
    record: Record


def find_record(index: Index, reference: str) -> Found:
    """Return the record with this CID, a CID that begins so, or this name. ``InvalidInput`` unless it is one."""
    every = [Found(stream, record) for stream in index.streams for record in stream.records]
    # A whole CID means that record, also where another one has it as its name: others know CIDs, and name files.
    found = [one for one in every if one.record.cid == reference]
    found = found or [one for one in every if one.record.name == reference]
    found = found or [one for one in every if reference and one.record.cid.startswith(reference)]
    if not found:
        what = f"no record is named {reference[:80]!r} or has a CID that begins so"
        raise InvalidInput(what, "See `consent vault list`.")
    if len(found) > 1:
        named = [f"{r.cid[:SHORT]} ({r.name}, {s.category}, {format_utc(r.added_at)})" for s, r in found]
        more = f" and {len(named) - MAX_CANDIDATES} more" if len(named) > MAX_CANDIDATES else ""
        advice = f"Write the CID of one: {', '.join(named[:MAX_CANDIDATES])}{more}."
        raise InvalidInput(f"{len(found)} records are meant by {reference[:80]!r}", advice)
    return found[0]


def open_record(get: Callable[[str], bytes], cid: str, identity: str, sink: BinaryIO) -> None:
    """Open a sealed record into ``sink``; until this returns, use nothing of it. The errors are `open_sealed`'s.

    ``get`` returns its blocks, as a store's ``reader(cid)`` does.
    """
    # Open while fetching: a tree that repeats one block a million times fails at its second chunk, long before
    # it fills the disk.
    sealed = io.BufferedReader(PieceReader(read_file(cid, get)), LEAF_BYTES)
    open_sealed(sealed, sink, [identity])


def save_record(store: BlockStore, found: Found, file: Path) -> None:
    """Open a record into a file (mode 0600): whole, or not at all; ``InvalidInput`` for a pipe or a device."""
    if is_special(file):
        # Its reader could not tell a part from the whole.
        raise InvalidInput(f"{file} is no file", "Name a file: a record is written whole or not at all.")
    with writing(file):
        make_folder(file.parent)
        with replacing(file) as sink:
            open_record(store.reader(found.record.cid), found.record.cid, found.stream.identity, sink)


def find_twin(index: Index, store: BlockStore, category: str, body: BinaryIO) -> Record | None:
    """Return the category's record with the bytes that are left in ``body``, and leave it where it was.

    None for a pipe, which can be read only once, and where the store cannot tell.
    """
    if not body.seekable():
        return None
    start = body.tell()
    size = body.seek(0, io.SEEK_END) - start
    try:
        for stream in (stream for stream in index.streams if stream.category == category):
            for record in (record for record in stream.records if record.size == size):
                body.seek(start)
                if _is_same(store, Found(stream, record), body):
                    return record
    finally:
        body.seek(start)
    return None


def _is_same(store: BlockStore, found: Found, body: BinaryIO) -> bool:
    try:
        open_record(store.reader(found.record.cid), found.record.cid, found.stream.identity, _Comparison(body))
    except (_OtherBytes, CouldNotCheck, SealedDataError):
        return False
    return True


class _OtherBytes(Exception):
    pass


class _Comparison(io.BytesIO):
    """A sink that takes only the bytes of ``body``, and keeps none."""

    def __init__(self, body: BinaryIO) -> None:
        super().__init__()
        self._body = body

    def write(self, piece: Any) -> int:
        if self._body.read(len(piece)) != piece:
            raise _OtherBytes
        return len(piece)


def blocks_of_record(store: BlockStore, cid: str) -> set[str]:
    """The CIDs of its blocks, or of those that the store can still tell."""
    known = {cid}
    with suppress(CouldNotCheck):
        known.update(block.cid for block in blocks_of(cid, store.get))
    return known
