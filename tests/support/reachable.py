"""The blocks that a vault's newest index names: all that its store should hold."""

from __future__ import annotations

from registry.core.ipld.cid import digest_of_cid
from registry.core.ipld.unixfs import blocks_of
from registry.storage.base import BlockStore
from registry.vault.bundles import files_of
from registry.vault.database import Database
from registry.vault.streams import Streams


def reachable(vault: Database, store: BlockStore) -> set[bytes]:
    """The SHA-256 of each block that index, book, streams, bundles and records name."""
    folder, files = vault._folder, list[str]()
    index, streams, copy = folder.index(), Streams(folder.owner.key, store.get, _nothing), folder.copy()
    if index is None or copy is None:
        return set()
    files += [folder.journal.index, *([index.book] if index.book else [])]
    for stream in index.streams:
        files += streams.files(stream)
    for bundle in folder.book().bundles:
        files += files_of(store, vault.shares.party(bundle), bundle)
    files += [file.cid for _, file in copy.files() if file.cid]
    return {digest_of_cid(block.cid) for name in files for block in blocks_of(name, store.get)}


def _nothing(blocks: object) -> None:
    raise AssertionError("nothing is put")
