"""Files and folders that appear whole or not at all and survive a power cut; locks between processes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from glob import escape
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from registry.core.errors import InvalidInput

_MADE, _LOCK = "made", "making.lock"


def replacing(path: str | os.PathLike[str]) -> AbstractContextManager[BinaryIO]:
    """Yield a sink whose bytes become the file ``path`` (mode 0600), durably and at once, when the block ends well.

    If the block raises, nothing is left behind and an older file stays: a sealed file whose end is missing never
    leaves half a plaintext. ``OSError`` if the folder cannot be written to.
    """
    return _appearing(Path(path), Path.replace)


def creating(path: Path) -> AbstractContextManager[BinaryIO]:
    """Do as `replacing`, but raise ``FileExistsError`` if the name is taken, or was taken in the meantime."""
    # A hard link fails if the name is taken, so two processes at once cannot replace each other's file.
    return _appearing(path, os.link)


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
        # A rename has already taken the temporary name away; a link has not.
        Path(name).unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    # A new name is durable only once its folder is synced. Windows neither needs nor allows this.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all, and make its folder (mode 0700) if it is missing.

    ``InvalidInput`` if it cannot be written.
    """
    try:
        make_folder(path.parent)
        with replacing(path) as sink:
            sink.write(content)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", "Check the path and the disk.") from None


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the file's bytes, or ``limit`` + 1 of them, so that a parser can refuse a longer file.

    ``InvalidInput`` if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Check the path.") from None


def make_folder(folder: Path) -> None:
    """Make the folder (mode 0700) and its missing parents, durably: losing its name would lose its files."""
    new = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in new:
        _sync_folder(each.parent)


@contextmanager
def making_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder that becomes ``folder`` (mode 0700), durably and at once, when the block ends well.

    If the block raises, nothing is left behind. If the process is killed, the next call for this folder removes the
    leftovers. ``InvalidInput`` if the name has been taken meanwhile.
    """
    remove_left(folder)
    make_folder(folder.parent)
    hidden = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True)
    # Lock before `made` exists, and until it is gone: `remove_left` in another process must see it locked throughout.
    with hidden as work, file_lock(Path(work) / _LOCK, 0):
        made = Path(work) / _MADE
        made.mkdir(mode=0o700)
        try:
            yield made
            _rename_folder(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _rename_folder(made: Path, folder: Path) -> None:
    try:
        made.replace(folder)
    except OSError:
        if not folder.exists():
            raise
        raise InvalidInput(f"{folder} exists already", "Name a new folder.") from None
    _sync_folder(folder.parent)


def remove_left(folder: Path) -> None:
    """Remove what killed processes left of ``folder``, but nothing of a live process or of another user."""
    for work in folder.parent.glob(f".{escape(folder.name)}.????????"):
        # A taken lock belongs to a live process. A folder that cannot be read or locked is another user's.
        with suppress(OSError):
            if _is_ours(work):
                with file_lock(work / _LOCK, 0):
                    shutil.rmtree(work / _MADE, ignore_errors=True)
                shutil.rmtree(work, ignore_errors=True)


def _is_ours(work: Path) -> bool:
    # In a shared folder such as /tmp, others may have put a link or files of theirs under such a name.
    info = work.lstat()
    if not stat.S_ISDIR(info.st_mode) or (os.name == "posix" and info.st_uid != os.geteuid()):
        return False
    return (work / _LOCK).is_file() and (work / _MADE).is_dir()


def file_lock(path: Path, seconds: float) -> AbstractContextManager[object]:
    """Lock the file ``path`` (mode 0600, made if missing) now; the result releases it at the end of a ``with``.

    The system releases it when the process ends. ``TimeoutError`` if others hold it for ``seconds``; ``OSError`` if the
    file cannot be opened.
    """
    from filelock import FileLock  # imported here: verifying needs no lock

    return FileLock(path, mode=0o600).acquire(timeout=seconds)
