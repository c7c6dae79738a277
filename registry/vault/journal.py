"""What a change of the vault leaves in the store if it is interrupted, in two files beside ``index``.

- ``pending`` lists the blocks that the change under way puts, each before it is put.
- ``stale`` lists the blocks that are useless once the index in its first line is the newest.

The file ``index`` decides: a change is done when it names the new index. Whoever comes next erases the blocks of the
old state or of the new one, so that the store never keeps what no index finds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from registry.core.errors import InvalidInput
from registry.core.ipld.cid import Block, digest_of_cid
from registry.fs.files import replace_file, sync, writing
from registry.storage.base import BlockStore

_AT_ONCE = 64


class Journal:
    """The two lists in the vault's ``directory``, and the ``store`` that they speak of."""

    def __init__(self, directory: Path, store: BlockStore) -> None:
        self._directory, self._store = directory, store
        self._pending, self._stale = directory / "pending", directory / "stale"

    @property
    def index(self) -> str:
        """The CID of the newest index, or "" for a vault without one."""
        file = self._directory / "index"
        return check_cid(file.read_text("ascii", "replace").strip(), file) if file.exists() else ""

    def put(self, blocks: Iterable[Block]) -> None:
        """List the blocks durably, then put them."""
        some: list[Block] = []
        for block in blocks:
            some.append(block)
            if len(some) == _AT_ONCE:
                self._put(some)
                some = []
        if some:
            self._put(some)

    def commit(self, index: str, stale: Iterable[str]) -> None:
        """Make ``index`` the newest. Its blocks, and all it names, were `put`; the ``stale`` ones go."""
        lines = [index, *sorted(set(stale))]
        replace_file(self._stale, "".join(f"{line}\n" for line in lines).encode())
        replace_file(self._directory / "index", f"{index}\n".encode())
        self.settle()

    def settle(self) -> None:
        """Erase what the last change left: the blocks that it replaced, or, where it was interrupted, its own."""
        if not (self._pending.exists() or self._stale.exists()):
            return
        index, *stale = self._words(self._stale) or [""]
        if index and index == self.index:
            self._pending.unlink(missing_ok=True)
            self._store.delete(stale)
        else:
            self._store.delete(self._words(self._pending))
            self._pending.unlink(missing_ok=True)
        self._stale.unlink(missing_ok=True)

    def _put(self, blocks: list[Block]) -> None:
        with writing(self._pending), self._pending.open("ab") as file:
            file.write("".join(f"{block.cid}\n" for block in blocks).encode())
            file.flush()
            sync(file.fileno())
        self._store.put(blocks)

    def _words(self, file: Path) -> list[str]:
        if not file.exists():
            return []
        *lines, rest = file.read_text("ascii", "replace").split("\n")
        # A line that was cut by a crash names a block that was not put yet.
        del rest
        return [check_cid(line, file) for line in lines]


def set_index(directory: Path, cid: str) -> None:
    """Make this index the newest of a vault in a directory that has none yet."""
    replace_file(directory / "index", f"{cid}\n".encode())


def check_cid(text: str, path: Path) -> str:
    """Return a CID that this file of the vault names; ``InvalidInput`` where it is none."""
    try:
        digest_of_cid(text)
    except InvalidInput:
        message = f"the vault's {path.name} holds no content identifier"
        raise InvalidInput(message, "Restore the home from a backup.") from None
    return text
