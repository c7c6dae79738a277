"""Where a vault's blocks lie: the store that its last change went to, noted in the file ``store`` beside ``index``."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.fs.files import read_bounded, replace_file
from registry.storage.addresses import parse_address
from registry.storage.base import BlockStore

MAX_PLACE_FILE = 16 * 1024


class Place(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file of blocks, or the address of a Kubo node and the file with the credentials for it. Paths are absolute."""

    file: str | None = None
    ipfs: str | None = None
    credentials: str | None = None

    def __str__(self) -> str:
        # The path of an address may contain a key.
        return f"the IPFS node at {parse_address(self.ipfs).text}" if self.ipfs else str(self.file)

    def __repr__(self) -> str:
        return f"Place({self})"

    def is_named_as(self, other: Place) -> bool:
        """Tell whether both name the same store in the same way."""
        return (self.file, self.ipfs) == (other.file, other.ipfs)


def noted_place(directory: Path) -> Place | None:
    """Return where the vault in this directory noted that its blocks lie; None where nothing legible is noted."""
    file = directory / "store"
    if not file.exists():
        return None
    with suppress(ValueError, RecursionError, InvalidInput):
        place = msgspec.convert(json.loads(read_bounded(file, MAX_PLACE_FILE)), Place)
        if (place.file is None) != (place.ipfs is None) and str(place):
            return place
    return None


def note_place(directory: Path, place: Place) -> None:
    """Note durably where the blocks of the vault in this directory lie."""
    # Python's own JSON escapes the bytes of a path that are not UTF-8.
    replace_file(directory / "store", json.dumps(msgspec.to_builtins(place)).encode() + b"\n")


class Whereabouts:
    """Where the vault in ``directory`` noted that its blocks lie, beside the ``store`` that is open, named ``place``.

    Without a name nothing is noted and nothing is known to be wrong.
    """

    def __init__(self, directory: Path, store: BlockStore, place: Place | None) -> None:
        self._directory, self._store, self._place = directory, store, place

    def trouble(self, root: str) -> StorageUnavailable | None:
        """Return the error that tells why this index is not found: another store is open, or this one lacks it."""
        # A store that cannot be asked, as for want of credentials, says so itself.
        is_there = self._place is None or self._store.has(root)
        if (elsewhere := self._elsewhere()) is not None:
            return elsewhere
        if is_there:
            return None
        advice = "Configure the store that holds it, or name that store: `consent vault move --from STORE`."
        return StorageUnavailable(f"the vault's index is not in {self._place}", advice)

    def check(self, root: str) -> None:
        """``StorageUnavailable`` if a change would go into another store than the noted one, which lacks the index."""
        if (elsewhere := self._elsewhere()) is not None and root and not self._store.has(root):
            raise elsewhere

    def note(self, place: Place | None = None) -> None:
        """Note durably that the blocks lie in this place, by default in the open store."""
        place = place or self._place
        if place is not None and noted_place(self._directory) != place:
            note_place(self._directory, place)

    def _elsewhere(self) -> StorageUnavailable | None:
        noted = noted_place(self._directory)
        if noted is None or self._place is None or noted.is_named_as(self._place):
            return None
        advice = "Configure that store again, or move the vault: `consent vault move`."
        return StorageUnavailable(f"the vault's blocks lie in {noted}, and {self._place} is configured", advice)
