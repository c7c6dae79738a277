"""What a vault does for its owner besides the records: secrets of the seed, and the accounts that were used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from registry.core.age.recipients import recipient_of
from registry.core.crypto.seeds import mailbox_identity, owner_identity, revocation_secret
from registry.core.ipld.cid import Block
from registry.core.sealed.index import Account
from registry.core.sealed.records import FileRef, file_data
from registry.vault.blocks import all_blocks
from registry.vault.folder import VaultFolder
from registry.vault.large_files import open_file
from registry.vault.place import Place


class OwnerSide:
    """The part of a vault that needs no records. Loading it and asking it opens no working copy."""

    def __init__(self, folder: VaultFolder, seed: bytes) -> None:
        self._folder, self._seed = folder, seed

    @property
    def index(self) -> str:
        """The CID of the newest index, "" for an empty vault. With the seed, it restores all of the vault."""
        return self._folder.journal.index

    @property
    def recipient(self) -> str:
        """The owner's age recipient: only this vault's seed opens what others seal to it."""
        return recipient_of(owner_identity(self._seed))

    def revocation_secret(self, salt: str) -> bytes:
        """Return the 32-byte secret that ends the grant with this salt (0x hex)."""
        return revocation_secret(self._seed, salt)

    def mailbox(self, subject: str, controller: str) -> str:
        """Return the age recipient to which a brand (``controller``) seals what it sends to this account."""
        return recipient_of(mailbox_identity(self._seed, subject, controller))

    def mailbox_identity(self, subject: str, controller: str) -> str:
        """Return the secret age identity that opens what is sealed to `mailbox`."""
        return mailbox_identity(self._seed, subject, controller)

    def write_file(self, file: FileRef, sink: BinaryIO) -> None:
        """Write a record's file into ``sink``; until this returns, use nothing of it. The errors are `open_file`'s."""
        if file.data is not None:
            sink.write(file_data(file))
        else:
            open_file(file, self._folder.store.get, sink)

    def accounts(self) -> tuple[Account, ...]:
        """Return the accounts of the seed that were noted, sorted."""
        return self._folder.book().accounts

    def note_account(self, controller: str, generation: int) -> None:
        """Note durably that this account of the seed signs for this controller, whether or not a statement is kept."""
        account = Account(controller, generation)
        if account in self.accounts():
            return  # nothing to change, so do not wait for the lock
        with self._folder.change() as change:
            book = self._folder.book()
            if account not in book.accounts:
                accounts = tuple(sorted((*book.accounts, account), key=lambda one: (one.controller, one.generation)))
                change.set_book(msgspec.structs.replace(book, accounts=accounts))
                self._folder.commit(change)

    @contextmanager
    def still(self) -> Iterator[Iterator[Block]]:
        """Hold the vault still, and yield every block of it, those of its index last; for a backup.

        ``StorageUnavailable`` if a block is missing, or if others hold the vault for long.
        """
        if not self.index:
            yield iter(())
            return
        with self._folder.change():
            yield self._blocks()

    @contextmanager
    def moving(self, place: Place) -> Iterator[Iterator[Block]]:
        """Do as `still`, for a caller that copies the blocks; then note ``place`` as theirs, durably."""
        with self._folder.moving(place):
            yield self._blocks()

    def _blocks(self) -> Iterator[Block]:
        folder = self._folder
        if (index := folder.index()) is not None:
            yield from all_blocks(self._seed, folder.store, index, folder.book(), self.index)
