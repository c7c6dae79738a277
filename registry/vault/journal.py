"""What a change of the vault leaves in the store if it is interrupted, in files beside ``index``.

- ``pending`` lists the blocks that the change under way puts, each before it is put.
- ``stale`` lists the blocks that are useless once the index in its first line is the newest.
- ``waiting`` lists blocks that this home needs no more, but other homes may name, or a log of the store may hold.

The file ``index`` decides: a change is done when it names the new index. Whoever comes next erases the blocks of the
old state or of the new one, so that the store never keeps what no index finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.ipld.cid import Block, digest_of_cid
from registry.fs.files import replace_file, sync, writing
from registry.storage.base import BlockStore

_AT_ONCE = 64


# The "stream" of blocks of older indexes and books: nobody needs them once this home's name is a newer index's.
OWN = "index"
# The "stream" of blocks that are deleted, while a log of the store still held them. They are deleted again.
LOGGED = "log"


class Waiting(NamedTuple):
    """A block of a file that ``stream``, an own one or a bundle, names no more from its version ``number`` on."""

    block: str
    file: str
    stream: str
    number: int


Free = Callable[[set[Waiting]], set[Waiting]]


def all_of(waiting: set[Waiting]) -> set[Waiting]:
    """No other home names anything: everything may go."""
    return waiting


def own_of(waiting: set[Waiting]) -> set[Waiting]:
    """Other homes may name everything but what led to it: older indexes and books."""
    return {one for one in waiting if one.stream == OWN}


def none_of(waiting: set[Waiting]) -> set[Waiting]:
    """Other homes may still have to read everything: nothing may go."""
    return set()


class Journal:
    """The lists in the vault's ``directory``, and the ``store`` that they speak of."""

    def __init__(self, directory: Path, store: BlockStore) -> None:
        self._directory, self._store = directory, store
        self._pending, self._stale, self._waiting = (directory / name for name in ("pending", "stale", "waiting"))

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

    def commit(self, index: str, stale: Iterable[str], waiting: Iterable[Waiting] = ()) -> None:
        """Make ``index`` the newest. Its blocks, and all it names, were `put`. `settle` is due then.

        The ``stale`` blocks go; those that are ``waiting`` go once no other home names them.
        """
        lines = [index, *sorted(set(stale)), *sorted(map(_line, set(waiting)))]
        replace_file(self._stale, "".join(f"{line}\n" for line in lines).encode())
        replace_file(self._directory / "index", f"{index}\n".encode())

    def settle(self, free: Free = none_of) -> None:
        """Erase what the last change left: the blocks that it replaced, or, where it was interrupted, its own.

        ``free`` picks those of the waiting blocks that may go too.
        """
        gone, waiting = self._left()
        self._note(waiting)
        if self._is_done:
            # What it lists is needed now, and the next change must not find it there.
            self._pending.unlink(missing_ok=True)
        going = {one for one in waiting if one.stream == LOGGED} | (free(waiting) if waiting else set())
        blocks = gone | {one.block for one in going}
        left = set[Waiting]() if self._erased(blocks) else {Waiting(one, one, LOGGED, 0) for one in blocks}
        self._note(waiting - going | left)
        self._forget()

    def defer(self) -> None:
        """Do as `settle`, and erase nothing: all of it waits, like older indexes.

        An older copy of this folder would erase what has become needed since. Without this, the next change would
        mix its lists with those of the last one, and a crash could then erase the newest state.
        """
        gone, waiting = self._left()
        self._note(waiting | {Waiting(one, one, OWN, 0) for one in gone})
        self._forget()

    def _left(self) -> tuple[set[str], set[Waiting]]:
        """Return the blocks that the last change replaced, or its own where it was interrupted, and those that wait."""
        waiting, lines = self._read_waiting(), self._lines(self._stale)[1:]
        if not self._is_done:
            return {words[0] for words in self._lines(self._pending)}, waiting
        gone = {words[0] for words in lines if len(words) == 1}
        return gone, waiting | {self._parsed(words) for words in lines if len(words) > 1}

    @property
    def _is_done(self) -> bool:
        """Whether the last change has become the newest state."""
        first = self._lines(self._stale)[:1]
        return bool(first) and first[0] == [self.index]

    def _forget(self) -> None:
        self._pending.unlink(missing_ok=True)
        self._stale.unlink(missing_ok=True)

    @property
    def is_logged(self) -> bool:
        """Whether a log of the store may still hold blocks that were deleted; the next change deletes them again."""
        return any(one.stream == LOGGED for one in self._read_waiting())

    @property
    def waiting(self) -> int:
        """How many blocks this home needs no more, and keeps because other homes may name them."""
        return len({one.block for one in self._read_waiting() if one.stream != LOGGED})

    def _erased(self, blocks: set[str]) -> bool:
        """Delete blocks; return whether the store holds nothing of them any more, also not in a log."""
        try:
            if blocks:
                self._store.delete(blocks)
        except StorageUnavailable:
            if any(map(self._store.has, blocks)):
                raise
            # Another process reads all the time. That must keep nobody from changing the vault.
            return False
        return True

    def _put(self, blocks: list[Block]) -> None:
        with writing(self._pending), self._pending.open("ab") as file:
            file.write("".join(f"{block.cid}\n" for block in blocks).encode())
            file.flush()
            sync(file.fileno())
        self._store.put(blocks)

    def _note(self, waiting: set[Waiting]) -> None:
        if not waiting:
            self._waiting.unlink(missing_ok=True)
        elif waiting != self._read_waiting():
            replace_file(self._waiting, "".join(f"{_line(one)}\n" for one in sorted(waiting)).encode())

    def _read_waiting(self) -> set[Waiting]:
        return {self._parsed(words) for words in self._lines(self._waiting)}

    def _parsed(self, words: list[str]) -> Waiting:
        try:
            block, file, stream, number = words
            return Waiting(block, check_cid(file, self._waiting), stream, int(number))
        except ValueError:
            raise _damaged(self._waiting) from None

    def _lines(self, file: Path) -> list[list[str]]:
        """Return the words of each line; the first of each is a CID."""
        if not file.exists():
            return []
        *lines, rest = file.read_text("ascii", "replace").split("\n")
        # A line that was cut by a crash names a block that was not put yet.
        del rest
        words = [line.split() or [""] for line in lines]
        for first, *_ in words:
            check_cid(first, file)
        return words


def set_index(directory: Path, cid: str) -> None:
    """Make this index the newest of a vault in a directory that has none yet."""
    replace_file(directory / "index", f"{cid}\n".encode())


def check_cid(text: str, path: Path) -> str:
    """Return a CID that this file of the vault names; ``InvalidInput`` where it is none."""
    try:
        digest_of_cid(text)
    except InvalidInput:
        raise _damaged(path) from None
    return text


def _line(one: Waiting) -> str:
    return f"{one.block} {one.file} {one.stream} {one.number}"


def _damaged(path: Path) -> InvalidInput:
    return InvalidInput(f"the vault's {path.name} holds no content identifier", "Restore the home from a backup.")
