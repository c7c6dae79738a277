"""Looks for planted words in all that a vault left: its home's files, its working copy, and its store's raw file."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from registry.core.age import recipients
from registry.core.age.stream import open_bytes
from registry.core.crypto.seeds import owner_identity, search_key
from registry.core.errors import ConsentError
from registry.core.ipld.cid import Block
from registry.core.sealed.frame import unpack
from registry.storage.sqlite_store import SqliteBlocks
from tests.support.working_copies import decrypted_pages

_MOST, _SLICE = 64 << 20, 64


class Witness:
    """Remembers every block that was ever put into a store, and every key that was ever made."""

    def __init__(self, store: SqliteBlocks, seed: bytes, patch: pytest.MonkeyPatch) -> None:
        self.blocks, self.identities, self._seed = dict[str, bytes](), [owner_identity(seed)], seed
        put, generate = store.put, recipients.generate_identity

        def noted(blocks: Iterable[Block], *, public: bool = False) -> None:
            some = list(blocks)
            self.blocks |= {one.cid: one.data for one in some}
            put(some, public=public)

        def made() -> str:
            self.identities.append(generate())
            return self.identities[-1]

        patch.setattr(store, "put", noted)
        for module in ("streams", "bundles", "large_files"):
            patch.setattr(f"registry.vault.{module}.generate_identity", made)

    def holding(self, words: Iterable[bytes]) -> dict[str, bytes]:
        """The sealed blocks that hold one of these words, by any key."""
        wanted = list(words)
        return {cid: data for cid, data in self.blocks.items() if any(word in self._plain(data) for word in wanted)}

    def _plain(self, sealed: bytes) -> bytes:
        for identity in self.identities:
            with suppress(ConsentError):
                return unpack(open_bytes(sealed, [identity]), _MOST)
        return b""

    def leftovers(self, home: Path, store: Path, words: Iterable[bytes], sealed: Iterable[bytes] = ()) -> list[str]:
        """Where one of the words is left, or a piece of a sealed block that held one, or of these ``sealed`` ones."""
        wanted, found = list(words), list[str]()
        for file in sorted(one for one in home.rglob("*") if one.is_file()):
            found += [file.name] if any(word in file.read_bytes() for word in wanted) else []
        for copy in home.rglob("copy.db"):
            pages = decrypted_pages(copy, search_key(self._seed))
            found += ["decrypted copy"] if any(word in pages for word in wanted) else []
        raw = b"".join(one.read_bytes() for one in sorted(store.parent.glob(f"{store.name}*")))
        for data in (*self.holding(wanted).values(), *sealed):
            slices = (data[at : at + _SLICE] for at in (0, len(data) // 3, len(data) // 2, len(data) - _SLICE))
            found += ["block"] if any(piece in raw for piece in slices) else []
        return found


def words_of(*texts: str) -> list[bytes]:
    """Planted words as they are searched for: as text, and an id as its 16 bytes too."""
    raw = [bytes.fromhex(one.replace("-", "")) for one in texts if _is_id(one)]
    return [*(one.encode() for one in texts), *raw]


def _is_id(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
