"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from registry.core.errors import InvalidInput

if TYPE_CHECKING:
    from filelock import FileLock


_MADE, _LOCK = "made", "making.lock"


class Pieces(io.RawIOBase):
    """Pieces of bytes as one source, each taken in whole before the next is asked for."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (piece := next(self._pieces, None)) is not None:
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A sink whose bytes become the file ``path`` (mode 0600) when the block ends well, durably and at once.

    When it ends in an error, nothing is left behind and an older file stays as it was: so a sealed file whose end
    is missing never leaves half a plaintext. OSError where the folder cannot be written to.
    """
    with _appearing(Path(path), Path.replace) as sink:
        yield sink


@contextmanager
def creating(path: Path) -> Iterator[BinaryIO]:
    """As `replacing`, but never over another file: FileExistsError where the name is taken, or was in the meantime."""
    # A hard link fails where the name is taken, so two at once cannot replace one another.
    with _appearing(path, os.link) as sink:
        yield sink


@contextmanager
def _appearing(target: Path, give_name: Callable[[Path, Path], object]) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        give_name(Path(name), target)
    finally:
        # Once it was renamed, its first name is gone.
        Path(name).unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # The new name is durable only with its folder; Windows neither needs nor allows it.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_folder(folder: Path) -> None:
    """The folder (mode 0700) and those above it, durably: what is written into it is lost with its name."""
    new = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in new:
        _sync_folder(each.parent)


@contextmanager
def making_folder(folder: Path) -> Iterator[Path]:
    """A folder whose name becomes ``folder`` (mode 0700) when the block ends well, durably and at once.

    When it ends in an error, nothing is left behind; when the process is killed, the next that makes this folder
    removes what is left. ``InvalidInput`` where others have taken the name meanwhile.
    """
    remove_left(folder)
    make_folder(folder.parent)
    hidden = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True)
    # Held before there is anything to remove, and until there is nothing any more.
    with hidden as work, _lock_of(Path(work)):
        made = Path(work) / _MADE
        made.mkdir(mode=0o700)
        try:
            yield made
            _place(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def remove_left(folder: Path) -> None:
    """Remove the content that killed processes left of ``folder``; never what one that lives makes, or is another's."""
    for work in folder.parent.glob(f".{escape(folder.name)}.????????"):
        # Where the lock is taken, one lives; what cannot be locked or seen is another user's.
        with suppress(OSError):
            _remove_unless_held(work)


def _remove_unless_held(work: Path) -> None:
    # In a folder that all write to, others may have put a link or files of theirs there under such a name.
    found = work.lstat()
    if not stat.S_ISDIR(found.st_mode) or (os.name == "posix" and found.st_uid != os.geteuid()):
        return
    if not ((work / _LOCK).is_file() and (work / _MADE).is_dir()):
        return
    with _lock_of(work).acquire(blocking=False):
        shutil.rmtree(work / _MADE, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)


def _lock_of(work: Path) -> FileLock:
    from filelock import FileLock  # not needed to verify

    return FileLock(work / _LOCK)


def _place(made: Path, folder: Path) -> None:
    try:
        made.replace(folder)
    except OSError:
        if not folder.exists():
            raise
        raise InvalidInput(f"{folder} exists already", "Name a new folder.") from None
    _sync_folder(folder.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all, making its folder (mode 0700) where there is none.

    ``InvalidInput`` where it cannot be written.
    """
    try:
        make_folder(path.parent)
        with replacing(path) as sink:
            sink.write(content)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", "Check the path and the disk.") from None
