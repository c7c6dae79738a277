"""A person's vault: records sealed each to its stream, streams listed in an index that only the owner opens.

One file on disk, ``index``, names the newest index by its CID; everything else is blocks in the store. A change
stores all its blocks first and moves that name last, so a crash leaves the vault as it was before. A second file,
``old``, names the blocks of indexes that are not the newest and that the store has yet to erase. A vault that came
back from words or a backup has a third, ``floor``: the numbers of accounts below it may all be in use.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from filelock import FileLock, Timeout

from registry.core.age.recipients import generate_identity, recipient_of
from registry.core.age.stream import sealed_pieces
from registry.core.capsules import StreamHead, StreamKey, seal_head, signed
from registry.core.crypto.revocation import revocation_secret
from registry.core.crypto.seeds import owner_identity, vault_key
from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, cid_of_block, digest_of_cid
from registry.core.ipld.unixfs import LEAF_BYTES, blocks_of, file_blocks
from registry.core.scalars import check_term
from registry.fs.files import replace_file
from registry.fs.streams import PieceReader
from registry.storage.base import BlockStore
from registry.vault.index import Account, Index, Record, Stream, open_index, seal_index

FILE_SCHEMA = "consent-file/1"
LOCK_SECONDS = 60
MAX_FLOOR_FILE = 16
_NUMBER = re.compile(rb"[0-9]{1,10}")


class Vault:
    """The vault in a directory, opened with its seed (32 bytes)."""

    def __init__(self, directory: Path, seed: bytes, store: BlockStore) -> None:
        self._directory, self._seed, self._store = directory, seed, store
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

    def revocation_secret(self, salt: str) -> bytes:
        """Return the 32-byte secret that ends the grant with this salt (0x hex)."""
        return revocation_secret(self._seed, salt)

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
        return [_name(_text(name).strip(), name)] if name.exists() else []

    def add(self, body: BinaryIO, *, category: str, name: str, media_type: str, now: int) -> Record:
        """Seal a file of any size as one record of this category; durable when it returns."""
        check_term(category, "category")
        with self._change() as index:
            stream = index.newest(category) or self._write_head(None, category, 1, ())
            start = body.tell()
            pieces = PieceReader(sealed_pieces(body, [recipient_of(stream.identity)]))
            cid = self._keep(file_blocks(io.BufferedReader(pieces, LEAF_BYTES)))
            record = Record(cid, FILE_SCHEMA, media_type, name, body.tell() - start, now)
            self._save(_with(index, self._write_head(stream, category, stream.epoch, (*stream.records, record))))
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
                self._save(_with(index, *renewed))
        return [stream.category for stream in renewed]

    def number_for(self, controller: str) -> int:
        """The number of the account that this controller knows, the newest of several; else `next_number`."""
        known = [account.number for account in self.index().accounts if account.controller == controller]
        return known[-1] if known else self.next_number()

    def next_number(self) -> int:
        """The number of an account that nobody knows yet."""
        return max(self._floor(), *(account.number + 1 for account in self.index().accounts), 0)

    def claim(self, number: int, controller: str) -> None:
        """Note, durably and for ever, that this controller knows the account of this number, or is about to.

        ``StorageUnavailable`` where it is another controller's, which another process has noted just before.
        """
        if Account(number, controller) in self.index().accounts:
            return  # without waiting for whoever changes the vault just now
        with self._change() as index:
            known = {account.number: account for account in index.accounts}
            if known.setdefault(number, Account(number, controller)).controller != controller:
                advice = "Nothing was signed; try again, and another account is taken."
                raise StorageUnavailable(f"account {number} has just been given to another controller", advice)
            if len(known) > len(index.accounts):
                accounts = tuple(known[number] for number in sorted(known))
                self._save(msgspec.structs.replace(index, accounts=accounts))

    def _floor(self) -> int:
        file = self._directory / "floor"
        if not file.exists():
            return 0
        with file.open("rb") as source:
            text = source.read(MAX_FLOOR_FILE).strip()
        if _NUMBER.fullmatch(text) is None:
            raise InvalidInput("the vault's floor holds no number", "Restore the home from a backup.")
        return int(text)

    @contextmanager
    def _change(self) -> Iterator[Index]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(self._directory / "lock")
        try:
            held = lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise StorageUnavailable(f"another process has changed the vault for {LOCK_SECONDS} seconds") from None
        with held:
            self._erase()
            yield self.index()

    def _write_head(self, old: Stream | None, category: str, epoch: int, records: tuple[Record, ...]) -> Stream:
        identity = old.identity if old else generate_identity()
        number, previous = (old.number + 1, old.head) if old else (1, None)
        references = tuple(record.reference for record in records)
        head = signed(StreamHead(category, epoch, number, previous, references), self._key)
        block = _block(seal_head(head, recipient_of(identity)))
        self._store.put([block])
        return Stream(category, epoch, identity, block.cid, number, records)

    def _save(self, index: Index) -> None:
        blocks = list(seal_index(index, self.recipient))
        # Each holds every stream's key: what is shredded later must not live on in one of before, or in one that was
        # cut short before it had its name.
        listed = self._old() | self._current() | {block.cid for block in blocks}
        replace_file(self._directory / "old", "".join(f"{name}\n" for name in sorted(listed)).encode())
        cid = self._keep(blocks)
        set_index(self._directory, cid)
        self._erase()

    def _erase(self) -> None:
        """Erase the indexes of before. What the store does not erase now, the next change has it erase: the change
        that is made is made all the same."""
        if not self._old():
            return
        with suppress(StorageUnavailable):
            self._store.delete(self._old() - self._current())
            (self._directory / "old").unlink()

    def _old(self) -> set[str]:
        file = self._directory / "old"
        return {_name(name, file) for name in _text(file).split()} if file.exists() else set()

    def _current(self) -> set[str]:
        return {block.cid for root in self.roots() for block in blocks_of(root, self._store.get)}

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


def set_floor(directory: Path, number: int) -> None:
    """No account below this number is given to a new controller by the vault in this directory."""
    replace_file(directory / "floor", b"%d\n" % number)


def set_index(directory: Path, cid: str) -> None:
    """The vault in this directory is what this index says."""
    replace_file(directory / "index", cid.encode() + b"\n")


def _with(index: Index, *changed: Stream) -> Index:
    places = {(stream.category, stream.epoch) for stream in changed}
    others = (stream for stream in index.streams if (stream.category, stream.epoch) not in places)
    return msgspec.structs.replace(index, streams=(*others, *changed))


def _block(data: bytes) -> Block:
    return Block(cid_of_block(data), data)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace")


def _name(text: str, path: Path) -> str:
    try:
        digest_of_cid(text)
    except InvalidInput:
        what = f"the vault's {path.name} holds no content identifier"
        raise InvalidInput(what, "Restore the home from a backup.") from None
    return text
