"""Files too large to stand in a record: sealed once, each to a key pair of its own that the record holds."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, cast

from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import open_sealed, sealed_pieces
from registry.core.errors import DamagedSeal
from registry.core.ipld.cid import Block
from registry.core.ipld.unixfs import LEAF_BYTES, file_blocks, read_file
from registry.core.sealed.records import FileRef
from registry.fs.streams import PieceReader
from registry.vault.draft import FileSource, pieces_of


def seal_file(source: FileSource, put: Callable[[Iterable[Block]], None]) -> FileRef:
    """Seal a file and put its blocks, in constant memory. ``InvalidInput`` if it changes while it is read."""
    identity, root = generate_identity(), ""
    body = io.BufferedReader(PieceReader(pieces_of(source)), LEAF_BYTES)
    sealed = io.BufferedReader(PieceReader(sealed_pieces(cast(BinaryIO, body), [recipient_of(identity)])), LEAF_BYTES)

    def blocks() -> Iterator[Block]:
        nonlocal root
        for block in file_blocks(cast(BinaryIO, sealed)):
            root = block.cid
            yield block

    put(blocks())
    return FileRef(source.name, source.media_type, source.bytes, source.sha256, cid=root, identity=identity)


def open_file(file: FileRef, get: Callable[[str], bytes], sink: BinaryIO) -> None:
    """Open a sealed file into ``sink``; until this returns, use nothing of it. The errors are `open_sealed`'s.

    ``DamagedSeal`` too where it is not the file that its record describes.
    """
    assert file.cid is not None and file.identity is not None
    # Open while fetching: a tree that repeats one block a million times fails at its second chunk, long before
    # it fills the disk.
    sealed = io.BufferedReader(PieceReader(read_file(file.cid, get)), LEAF_BYTES)
    checked = _Checked(file, sink)
    open_sealed(cast(BinaryIO, sealed), cast(BinaryIO, checked), [file.identity])
    checked.end()


def open_whole(file: FileRef, sealed: BinaryIO, sink: BinaryIO) -> None:
    """Open sealed bytes, whoever gave them, into ``sink``; until this returns, use nothing of it.

    ``DamagedSeal``, or ``NotARecipient``, where they are not the file that ``file`` describes.
    """
    assert file.identity is not None
    checked = _Checked(file, sink)
    open_sealed(sealed, cast(BinaryIO, checked), [file.identity])
    checked.end()


class _Checked(io.RawIOBase):
    """Passes on what is written, and compares its size and its SHA-256 with those of a record."""

    def __init__(self, file: FileRef, sink: BinaryIO) -> None:
        self._file, self._sink = file, sink
        self._left, self._hash = file.bytes, hashlib.sha256()

    def write(self, data: Any) -> int:
        taken = self._sink.write(data)
        self._hash.update(data[:taken])
        self._left -= taken
        if self._left < 0:
            raise self._other()
        return taken

    def end(self) -> None:
        if self._left or self._hash.hexdigest() != self._file.sha256:
            raise self._other()

    def _other(self) -> DamagedSeal:
        return DamagedSeal(f"the sealed file {self._file.cid} is not the one that its record describes")
