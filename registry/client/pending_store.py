"""What a home keeps until the chain shows it: pending statements, promises of notaries, endings to be sent later."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from registry.core import codec
from registry.core.anchor import Anchor
from registry.core.endings import Opening, SignedEnding
from registry.core.errors import InvalidInput, Malformed, NotYetAnchored
from registry.core.evidence.pending import MAX_PENDING, PendingFile, parse_pending, write_pending
from registry.core.promises import MAX_PROMISE, PromiseFile, SignedPromise, parse_promise_file, write_promise_file
from registry.core.scalars import Bytes32, UInt64
from registry.fs.files import file_lock, make_folder, read_bounded, replace_file

T = TypeVar("T")
MAX_ENDING = 64 * 1024


class LaterEnding(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An ending that is sent at ``due`` (unix seconds), and only once the evidence ``after`` is kept, if one is named.

    It is an opening, which anybody who reads the file can send, or a signed ending. ``name`` is the digest of its
    grant, or the account.
    """

    name: str
    due: UInt64
    opening: Opening | UnsetType = UNSET
    signed: SignedEnding | UnsetType = UNSET
    after: Bytes32 | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.opening is UNSET) == (self.signed is UNSET):
            raise Malformed("it holds one opening or one signed ending")

    @property
    def ending(self) -> Opening | SignedEnding:
        """What is sent."""
        found = self.opening if self.signed is UNSET else self.signed
        assert not isinstance(found, UnsetType)  # `__post_init__` has checked it
        return found

    @property
    def key(self) -> str:
        """What its file is called. One grant may end at its own time and, before that, with each that replaces it."""
        return self.name if isinstance(self.after, UnsetType) else f"{self.name}-{self.after}"


_later = msgspec.json.Decoder(LaterEnding)


class PendingFolder(NamedTuple):
    """Folders of a home: ``pending/DIGEST.json``, ``promises/ITEM-ACCOUNT.json``, ``endings/KEY.json``.

    One process at a time works on a pending statement or an ending; it holds the lock beside the file.
    """

    path: Path

    def keep(self, pending: PendingFile) -> str:
        """Keep a signed statement durably; return where it lies."""
        return self._write("pending", pending.evidence.digest, write_pending(pending))

    def all(self) -> list[PendingFile]:
        """Read all that wait, oldest first."""
        found = [pending for _, pending in self._each("pending", MAX_PENDING, parse_pending)]
        return sorted(found, key=lambda each: (each.evidence.statement.message.issued_at, each.evidence.digest))

    def find(self, digest: str) -> PendingFile:
        """Return the one whose digest begins so; ``InvalidInput`` unless it is one."""
        found = [path for path in self._files("pending") if path.stem.startswith(digest)]
        if len(found) != 1:
            count = "nothing" if not found else f"{len(found)} statements"
            raise InvalidInput(f"{count} with the digest {digest[:80]} waits here", "See `consent status`.")
        return _own(found[0], MAX_PENDING, parse_pending)

    def waits(self, digest: str) -> bool:
        """Tell whether the one with this digest waits."""
        return self._path("pending", digest).exists()

    def now(self, digest: str) -> PendingFile | None:
        """Read the one with this digest as it is now; None where it waits no longer."""
        path = self._path("pending", digest)
        return _own(path, MAX_PENDING, parse_pending) if path.exists() else None

    def holding(self, digest: str) -> AbstractContextManager[None]:
        """Keep other processes from a pending statement; ``NotYetAnchored`` where one has it."""
        return _holding(self._path("pending", digest))

    def drop(self, digest: str) -> None:
        """Keep it no longer: it is evidence now, or given up."""
        self._path("pending", digest).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the locks of processes that were killed just after what they held was done."""
        for name in ("pending", "endings"):
            for lock in (self.path / name).glob("0x*.lock"):
                with suppress(NotYetAnchored):
                    _remove_left(lock)

    def keep_promise(self, file: PromiseFile) -> str:
        """Keep a promise durably; return where it lies."""
        return self._write("promises", f"{file.item}-{file.notary}", write_promise_file(file))

    def drop_promise(self, file: PromiseFile) -> None:
        """Forget a promise that was kept."""
        self._path("promises", f"{file.item}-{file.notary}").unlink(missing_ok=True)

    def promises(self) -> list[tuple[Path, PromiseFile]]:
        """Read all promises that are kept here, with their files."""
        return list(self._each("promises", MAX_PROMISE, parse_promise_file))

    def keep_later(self, later: LaterEnding) -> None:
        """Keep an ending durably until it is sent, over an older one with its key."""
        self._write("endings", later.key, codec.encode(later))

    def later(self) -> list[LaterEnding]:
        """Read the endings that are to be sent, those that are due first, first."""
        return sorted(self._later(), key=lambda each: (each.due, each.name))

    def later_now(self, later: LaterEnding) -> LaterEnding | None:
        """Read the ending with this one's key as it is now; None where it waits no longer."""
        path = self._path("endings", later.key)
        return _own(path, MAX_ENDING, _parse_later) if path.exists() else None

    def holding_later(self, later: LaterEnding) -> AbstractContextManager[None]:
        """Keep other processes from an ending; ``NotYetAnchored`` where one has it."""
        return _holding(self._path("endings", later.key))

    def drop_later(self, later: LaterEnding) -> None:
        """Forget an ending: it was sent, or its grant goes on. A newer one with its key stays."""
        if self.later_now(later) == later:
            self._path("endings", later.key).unlink(missing_ok=True)

    def _later(self) -> Iterator[LaterEnding]:
        return (later for _, later in self._each("endings", MAX_ENDING, _parse_later))

    def _each(self, folder: str, limit: int, parse: Callable[[bytes], T]) -> Iterator[tuple[Path, T]]:
        """Read all files of a folder, but those that another process finishes meanwhile."""
        for path in self._files(folder):
            try:
                yield path, _own(path, limit, parse)
            except InvalidInput:
                if path.exists():
                    raise

    def _path(self, folder: str, name: str) -> Path:
        return self.path / folder / f"{name}.json"

    def _files(self, folder: str) -> list[Path]:
        return sorted((self.path / folder).glob("0x*.json"))

    def _write(self, folder: str, name: str, raw: bytes) -> str:
        path = self._path(folder, name)
        replace_file(path, raw)
        return str(path)


def promise_file(promise: SignedPromise, item: str, anchor: Anchor | None = None) -> PromiseFile:
    """Return the file of a promise that was checked."""
    return PromiseFile(promise, item, promise.notary, UNSET if anchor is None else anchor)


def random_seconds(least: int, most: int) -> int:
    """Return a random number of seconds, both bounds included."""
    return least + secrets.randbelow(most - least + 1)


@contextmanager
def _holding(path: Path) -> Iterator[None]:
    lock = path.with_suffix(".lock")
    with _lock_if_possible(lock):
        try:
            yield
        finally:
            _unlink_if_done(lock)


def _remove_left(lock: Path) -> None:
    if not lock.with_suffix(".json").exists():
        with _lock_if_possible(lock):
            _unlink_if_done(lock)


def _unlink_if_done(lock: Path) -> None:
    # A statement that waits no longer needs no lock: whoever comes next finds no file.
    if not lock.with_suffix(".json").exists():
        with suppress(OSError):
            lock.unlink()


def _lock_if_possible(lock: Path) -> AbstractContextManager[object]:
    try:
        make_folder(lock.parent)
        return file_lock(lock, 0)
    except TimeoutError:
        raise NotYetAnchored("another process is at it", "Let it end, then see `consent status`.") from None
    except OSError:
        # On a disk without locks two processes may pay twice. That is better than ending nothing there.
        return nullcontext()


def _parse_later(raw: bytes) -> LaterEnding:
    return codec.decode(raw, _later, MAX_ENDING)


def _own(path: Path, limit: int, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(read_bounded(path, limit))
    except Malformed as error:
        raise InvalidInput(f"{path} is damaged: {error}", "Restore it from a backup, or move it away.") from None
