"""Files too large to stand in a record: sealed once, each to a key pair of its own that the record holds."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import open_sealed, sealed_pieces
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
    """Open a sealed file into ``sink``; until this returns, use nothing of it. The errors are `open_sealed`'s."""
    assert file.cid is not None and file.identity is not None
    sealed = io.BufferedReader(PieceReader(read_file(file.cid, get)), LEAF_BYTES)
    open_sealed(cast(BinaryIO, sealed), sink, [file.identity])
