"""Blocks that the store has yet to erase, in two lists beside the vault's index.

A list is written before the change that makes its blocks useless, and goes when they are erased. So a crash leaves
nothing in the store that no list names.

- ``old`` lists the blocks of replaced indexes.
- ``removed`` lists the blocks of removed records, each with its record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import StorageUnavailable
from registry.fs.files import replace_file
from registry.storage.base import BlockStore
from registry.vault.journal import check_cid
from registry.vault.records import blocks_of_record


class Leftovers(NamedTuple):
    """The lists in the vault's ``directory``, and the ``store`` that erases."""

    directory: Path
    store: BlockStore

    def note_old(self, blocks: set[str]) -> None:
        """List these blocks of indexes too."""
        names = sorted(blocks.union(self._words("old")))
        replace_file(self.directory / "old", "".join(f"{name}\n" for name in names).encode())

    def erase_old(self, needed: Callable[[], set[str]]) -> None:
        """Erase the blocks of replaced indexes, but those that are ``needed``."""
        if old := set(self._words("old")):
            with self._erasing("old"):
                self.store.delete(old - needed())

    def note_removed(self, record: str) -> None:
        """List the blocks of this record (its CID), which is about to be removed."""
        blocks = sorted((record, block) for block in blocks_of_record(self.store, record))
        lines = sorted({*self._removed(), *blocks})
        replace_file(self.directory / "removed", "".join(f"{one} {block}\n" for one, block in lines).encode())

    def erase_removed(self, listed: Callable[[], set[str]]) -> None:
        """Erase the blocks of removed records. A record that is still ``listed`` was not removed in the end."""
        if removed := self._removed():
            kept = listed()
            with self._erasing("removed"):
                self.store.delete({block for record, block in removed if record not in kept})

    def _removed(self) -> list[tuple[str, str]]:
        words = self._words("removed")
        return list(zip(words[::2], words[1::2], strict=False))

    def _words(self, name: str) -> list[str]:
        file = self.directory / name
        return [check_cid(word, file) for word in file.read_text("ascii", "replace").split()] if file.exists() else []

    @contextmanager
    def _erasing(self, name: str) -> Iterator[None]:
        # The change itself is done. If the store or the disk cannot erase now, the next change tries again.
        with suppress(StorageUnavailable, OSError):
            yield
            (self.directory / name).unlink()
