"""All blocks of a vault: what a backup takes along, and what a move copies into another store."""

from __future__ import annotations

from collections.abc import Iterator

from registry.core.crypto.seeds import owner_identity, relationship_key, vault_key
from registry.core.ipld.cid import Block, digest_of_cid
from registry.core.ipld.unixfs import blocks_of
from registry.core.sealed.index import OwnStream, VaultBook, VaultIndex
from registry.storage.base import BlockStore
from registry.vault.branches import entries_of
from registry.vault.changes import Owner, read_index
from registry.vault.streams import Streams


def check_index(seed: bytes, store: BlockStore, cid: str) -> VaultIndex:
    """Read an index by its CID; ``NotARecipient`` for one of another seed, ``InvalidInput`` for what is no CID."""
    digest_of_cid(cid)
    return read_index(Owner(vault_key(seed), owner_identity(seed), ""), store, cid)


def all_blocks(seed: bytes, store: BlockStore, index: VaultIndex, book: VaultBook, root: str) -> Iterator[Block]:
    """Yield the blocks of all that this index (its CID is ``root``) reaches, each once and its own last.

    Whoever holds the vault's lock gets all of it; a change would erase some meanwhile (``StorageUnavailable``).
    """
    seen = set[str]()
    for file in _files(seed, store, index, book):
        for block in blocks_of(file, store.get):
            if block.cid not in seen:
                seen.add(block.cid)
                yield block
    yield from blocks_of(root, store.get)


def _files(seed: bytes, store: BlockStore, index: VaultIndex, book: VaultBook) -> Iterator[str]:
    own = Streams(vault_key(seed), store.get, _put_nothing)
    for stream in index.streams:
        yield from _of_stream(own, stream)
    for bundle in book.bundles:
        key = relationship_key(seed, bundle.subject, bundle.controller)
        for entry in entries_of(bundle):
            yield from _of_stream(Streams(key, store.get, _put_nothing), entry)
    if index.book is not None:
        yield index.book


def _of_stream(streams: Streams, stream: OwnStream) -> Iterator[str]:
    for segment in streams.segments(stream):
        yield segment.cid
        yield from (one.file.cid for one in streams.records(stream, segment) if one.file and one.file.cid)
    yield from streams.lists(stream)
    yield stream.head


def _put_nothing(blocks: object) -> None:
    raise AssertionError("reading puts nothing")
