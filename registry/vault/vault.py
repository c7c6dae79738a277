"""A person's vault: each record is sealed to its stream, and only the owner can open the index of the streams.

The records, heads and indexes are blocks in the store. Files on disk go with them:

- ``index`` holds the CID of the newest index. A change stores its blocks first and replaces this file last, so a
  crash leaves the vault as it was.
- ``old`` and ``removed`` list blocks that the store has yet to erase; see `registry.vault.leftovers`.
- ``store`` names the store that holds the newest index; see `registry.vault.place`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import sealed_pieces
from registry.core.capsules import StreamHead, seal_head, signed
from registry.core.crypto.seeds import owner_identity, revocation_secret, vault_key
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block
from registry.core.ipld.unixfs import LEAF_BYTES, blocks_of, file_blocks
from registry.core.scalars import check_term, format_utc
from registry.fs.files import file_lock, make_folder, replace_file
from registry.fs.streams import CountingReader, PieceReader
from registry.storage.base import BlockStore
from registry.vault.index import Account, Index, Record, Stream, open_index, seal_index
from registry.vault.journal import check_cid
from registry.vault.leftovers import Leftovers
from registry.vault.place import Place, note_place, noted_place
from registry.vault.records import SHORT, Found, find_record, find_twin, save_record

FILE_SCHEMA = "consent-file/1"
LOCK_SECONDS = 60
# Reads of an index that other processes replace meanwhile.
MAX_READS = 5
# Python reads so a byte of a file's name that is not UTF-8.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Vault:
    """The vault in a directory, which many threads and processes may use. ``seed`` (32 bytes) opens it.

    ``place`` names the store, so that the vault notes where its blocks lie; None notes nothing.
    """

    def __init__(self, directory: Path, seed: bytes, store: BlockStore, place: Place | None = None) -> None:
        self._directory, self._seed, self._store, self._place = directory, seed, store, place
        self._leftovers = Leftovers(directory, store)
        # The age identity (secret) that opens what is sealed to `recipient`, and the key that signs heads and capsules.
        self.identity, self.key = owner_identity(seed), vault_key(seed)

    @property
    def recipient(self) -> str:
        """The owner's age recipient: only this vault's seed opens what others seal to it."""
        return recipient_of(self.identity)

    def revocation_secret(self, salt: str) -> bytes:
        """Return the 32-byte secret that ends the grant with this salt (0x hex)."""
        return revocation_secret(self._seed, salt)

    def index(self) -> Index:
        """Read the newest index.

        ``StorageUnavailable`` if others replace it MAX_READS times meanwhile, or if it lies in another store.
        """
        for _ in range(MAX_READS):
            roots = self.roots()
            try:
                return open_index(roots[0], self._store, self.identity) if roots else Index()
            except StorageUnavailable as error:
                # Another process may have replaced and erased this index since its name was read.
                if self.roots() == roots:
                    raise self._elsewhere() or self._unknown(roots[0]) or error from None
        raise StorageUnavailable("the vault keeps changing", "Try again when no other process changes it.")

    def roots(self) -> list[str]:
        """Return the CID of the newest index, if there is one. With the seed, it restores the whole vault."""
        file = self._directory / "index"
        return [check_cid(file.read_text("ascii", "replace").strip(), file)] if file.exists() else []

    def _elsewhere(self) -> StorageUnavailable | None:
        """Return the error that names both stores, where the noted one is not the one that is configured."""
        noted = noted_place(self._directory)
        if noted is None or self._place is None or noted.is_named_as(self._place):
            return None
        advice = "Configure that store again, or move the vault: `consent vault move`."
        return StorageUnavailable(f"the vault's blocks lie in {noted}, and {self._place} is configured", advice)

    def _unknown(self, root: str) -> StorageUnavailable | None:
        """Return the error of a store that says that it lacks the index, though no other one is noted."""
        if self._place is None or self._store.has(root):
            return None
        advice = "Configure the store that holds it, or name that store: `consent vault move --from STORE`."
        return StorageUnavailable(f"the vault's index is not in {self._place}", advice)

    def add(
        self, body: BinaryIO, *, category: str, name: str, media_type: str, now: int, again: bool = False
    ) -> Record:
        """Seal a file of any size, or a pipe, as one record of this category, durably.

        Bytes of ``name`` that are not UTF-8 become U+FFFD. ``now`` is in unix seconds. ``Malformed`` for an invalid
        category, ``OSError`` if ``body`` cannot be read. ``InvalidInput`` for a file that the category holds already,
        unless ``again``; of a pipe this is not known.
        """
        check_term(category, "category")
        with self._change() as index:
            if not again and (twin := find_twin(index, self._store, category, body)) is not None:
                what = f"the vault holds this file already: {twin.name}, added {format_utc(twin.added_at)}"
                raise InvalidInput(f"{what}, {twin.cid[:SHORT]}", "Add it a second time with --again.")
            stream = self._open_stream(index, category)
            counted = CountingReader(body)
            pieces = PieceReader(sealed_pieces(io.BufferedReader(counted, LEAF_BYTES), [recipient_of(stream.identity)]))
            cid = self._store_file(file_blocks(io.BufferedReader(pieces, LEAF_BYTES)))
            record = Record(cid, FILE_SCHEMA, media_type, _SURROGATE.sub("\ufffd", name), counted.count, now)
            self._save(_with(index, self._write_head(stream, category, stream.epoch, (*stream.records, record))))
        return record

    def find(self, reference: str) -> Found:
        """Return the record with this CID, a CID that begins so, or this name. ``InvalidInput`` unless it is one."""
        return find_record(self.index(), reference)

    def save(self, reference: str, file: Path) -> Record:
        """Open one record into a file (mode 0600), whole or not at all; see `find`. Errors are those of the store."""
        found = self.find(reference)
        save_record(self._store, found, file)
        return found.record

    def remove(self, cid: str) -> Record:
        """Take the record with this CID out of the vault, and erase its blocks in the store.

        A grant that handed it over hands over nothing more, because its brand's data opens whole or not at all. What
        brands opened before stays with them.
        """
        with self._change() as index:
            stream, record = find_record(index, cid)
            left = tuple(each for each in stream.records if each.cid != record.cid)
            head = self._write_head(stream, stream.category, stream.epoch, left)
            # Noted first and erased last, so that a crash neither loses a listed record nor leaves an unlisted one.
            self._leftovers.note_removed(record.cid)
            self._save(_with(index, msgspec.structs.replace(head, shared=stream.shared)))
        return record

    def _open_stream(self, index: Index, category: str) -> Stream:
        """Return the stream that takes the next record: never one whose key was handed out, whoever has it today."""
        newest = index.newest(category)
        if newest is None or newest.shared:
            return self._write_head(None, category, 1 if newest is None else newest.epoch + 1, ())
        return newest

    def streams_of(self, categories: Collection[str]) -> tuple[Stream, ...]:
        """Return all streams with records in these categories, old epochs included."""
        return tuple(s for s in self.index().streams if s.category in categories and s.records)

    def share(self, categories: Collection[str]) -> None:
        """Note durably that the keys of `streams_of` leave the vault: they open nothing that is added later."""
        if not _leaving(self.index(), categories):
            return  # nothing to change, so do not wait for the lock
        with self._change() as index:
            leaving = _leaving(index, categories)
            self._save(_with(index, *(msgspec.structs.replace(stream, shared=True) for stream in leaving)))

    def note_account(self, controller: str, generation: int) -> None:
        """Note durably that this account of the seed signs for this controller, whether or not a statement is kept."""
        account = Account(controller, generation)
        if account in self.index().accounts:
            return  # nothing to change, so do not wait for the lock
        with self._change() as index:
            if account not in index.accounts:
                accounts = tuple(sorted((*index.accounts, account)))
                self._save(msgspec.structs.replace(index, accounts=accounts))

    @contextmanager
    def _change(self) -> Iterator[Index]:
        try:
            make_folder(self._directory)
            lock = file_lock(self._directory / "lock", LOCK_SECONDS)
        except TimeoutError:
            raise StorageUnavailable(f"another process has changed the vault for {LOCK_SECONDS} seconds") from None
        except OSError as error:
            advice = "Nothing was changed; keep the home on a disk that can lock files."
            raise StorageUnavailable(f"{self._directory} cannot be locked: {error.strerror}", advice) from None
        with lock:
            # A gateway may show the index of another store, but a change must not split the vault between stores.
            if (elsewhere := self._elsewhere()) and not all(map(self._store.has, self.roots())):
                raise elsewhere
            self._erase_leftovers()
            yield self.index()

    @contextmanager
    def moving(self, place: Place) -> Iterator[Index]:
        """Hold the vault still while its blocks are copied; then note ``place`` as theirs, durably."""
        with self._change() as index:
            yield index
            note_place(self._directory, place)

    def _write_head(self, old: Stream | None, category: str, epoch: int, records: tuple[Record, ...]) -> Stream:
        identity = old.identity if old else generate_identity()
        number, previous = (old.number + 1, old.head) if old else (1, None)
        references = tuple(record.reference for record in records)
        head = signed(StreamHead(category, epoch, number, previous, references), self.key)
        sealed = seal_head(head, recipient_of(identity))
        block = Block(cid_of_block(sealed), sealed)
        self._store.put([block])
        return Stream(category, epoch, identity, block.cid, number, records, shared=False)

    def _save(self, index: Index) -> None:
        blocks = list(seal_index(index, self.recipient))
        # Every index holds the keys of all streams. List this one too: if the process dies before the new index gets
        # its name, the next change erases it, so that no erased key lives on in it.
        self._leftovers.note_old(self._index_blocks() | {block.cid for block in blocks})
        root = self._store_file(blocks)
        if self._place is not None and noted_place(self._directory) != self._place:
            note_place(self._directory, self._place)
        set_index(self._directory, root)
        self._erase_leftovers()

    def _erase_leftovers(self) -> None:
        self._leftovers.erase_old(self._index_blocks)
        self._leftovers.erase_removed(lambda: {r.cid for stream in self.index().streams for r in stream.records})

    def _index_blocks(self) -> set[str]:
        return {block.cid for root in self.roots() for block in blocks_of(root, self._store.get)}

    def _store_file(self, blocks: Iterable[Block]) -> str:
        """Store the blocks of one file in one commit and return the CID of the last one, the root."""
        root = ""

        def noting_the_root() -> Iterator[Block]:
            nonlocal root
            for block in blocks:
                root = block.cid
                yield block

        self._store.put(noting_the_root())
        return root


def set_index(directory: Path, cid: str) -> None:
    """Make this index the newest of the vault in this directory."""
    replace_file(directory / "index", cid.encode() + b"\n")


def _leaving(index: Index, categories: Collection[str]) -> list[Stream]:
    return [each for each in index.streams if each.category in categories and each.records and not each.shared]


def _with(index: Index, *changed: Stream) -> Index:
    replaced = {(stream.category, stream.epoch) for stream in changed}
    others = (stream for stream in index.streams if (stream.category, stream.epoch) not in replaced)
    return msgspec.structs.replace(index, streams=(*others, *changed))
