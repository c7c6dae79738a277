"""Files and folders that appear whole or not at all and survive a power cut; locks between processes."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from glob import escape
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from registry.core.errors import InvalidInput

_MADE, _LOCK = "made", "making.lock"
# Longer names are hashed, so that a temporary name fits wherever the name itself does.
_LONG_NAME = 64
# A file system answers so if it has no such operation. Damage and a full disk have other numbers.
_REFUSED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.ENOLCK}


def replacing(path: str | os.PathLike[str]) -> AbstractContextManager[BinaryIO]:
    """Yield a sink whose bytes become the file ``path`` (mode 0600), durably and at once, when the block ends well.

    If the block raises, nothing is left behind and an older file stays: a sealed file whose end is missing never
    leaves half a plaintext. ``OSError`` if the folder cannot be written to.
    """
    return _appearing(Path(path), Path.replace)


def creating(path: Path) -> AbstractContextManager[BinaryIO]:
    """Do as `replacing`, but raise ``FileExistsError`` if the name is taken, or was taken in the meantime."""
    return _appearing(path, _give_free_name)


@contextmanager
def _appearing(target: Path, give_name: Callable[[Path, Path], object]) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=_hidden(target.name), suffix=".part")
    try:
        with os.fdopen(handle, "wb") as sink:
            yield sink
            sink.flush()
            sync(sink.fileno())
        give_name(Path(name), target)
    finally:
        # A rename has already taken the temporary name away; a link has not.
        Path(name).unlink(missing_ok=True)
    sync_folder(target.parent)


def _hidden(name: str) -> str:
    raw = os.fsencode(name)
    return f".{name if len(raw) <= _LONG_NAME else sha256(raw).hexdigest()[:32]}."


def _give_free_name(made: Path, target: Path) -> None:
    """Name a file, unless the name is taken: two processes at once must not replace each other's file."""
    try:
        os.link(made, target)
    except FileExistsError:
        raise
    except OSError:
        # There are no hard links here (exFAT, SMB, some FUSE). Reserve the name, then replace the empty file.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            made.replace(target)
        except BaseException:
            if made.exists():
                target.unlink(missing_ok=True)
            raise


def sync(handle: int) -> None:
    """Make a file or a folder durable, where the file system can: a file is whole without it too."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise


def sync_file(path: Path) -> None:
    """Make what was written to a file durable."""
    with path.open("rb") as file:
        sync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    # A new name is durable only once its folder is synced. Windows neither needs nor allows this.
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        return  # a folder that its user may write to, and not read
    try:
        sync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` in the block into ``InvalidInput``: ``path`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", "Check the path and the disk.") from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all, and make its folder (mode 0700) if it is missing.

    A pipe or a terminal, such as ``/dev/stdout``, is written to. ``InvalidInput`` if it cannot be written.
    """
    with writing(path):
        if is_special(path):
            path.write_bytes(content)
            return
        make_folder(path.parent)
        with replacing(path) as sink:
            sink.write(content)


def move_file(source: Path, target: Path) -> None:
    """Give a file another name durably, over an older file; it has one of both names at any moment.

    ``InvalidInput`` if it cannot be moved.
    """
    with writing(target):
        make_folder(target.parent)
        source.replace(target)
        sync_folder(target.parent)
        sync_folder(source.parent)


def remove_file(path: Path) -> bool:
    """Remove a file durably; return whether there was one. ``InvalidInput`` if it cannot be removed."""
    with writing(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
    return True


def is_special(path: Path) -> bool:
    """Tell whether there is something at ``path`` that no file may replace: a pipe, a device, a terminal, a folder."""
    return path.is_relative_to("/dev") or (path.exists() and not path.is_file())


def check_target(path: Path, *, replace: bool) -> None:
    """Raise ``InvalidInput`` where a file cannot be written to ``path``, or would replace one without ``replace``.

    Call it before the work whose result goes there, so that a wrong path costs nothing. A pipe may exist.
    """
    with writing(path):
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder", "Name a file.")
        if path.is_file() and not replace:
            raise InvalidInput(f"{path} exists already", "Name a new file, or replace this one with --force.")
        folder = next(each for each in path.absolute().parents if each.exists())
        if not folder.is_dir() or not (path.exists() or os.access(folder, os.W_OK)):
            raise InvalidInput(f"{path} cannot be written: {folder} takes no files", "Check the path and the disk.")


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the file's bytes, or ``limit`` + 1 of them, so that a parser can refuse a longer file.

    ``InvalidInput`` if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Check the path.") from None


@contextmanager
def reading_again(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that can be read from its start again. A pipe is copied to a temporary file first.

    ``InvalidInput`` if it cannot be read.
    """
    with ExitStack() as stack:
        try:
            source: BinaryIO = stack.enter_context(path.open("rb"))
            if not source.seekable():
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(source, copy)
                source = copy
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Check the path.") from None
        yield source


def make_folder(folder: Path) -> None:
    """Make the folder (mode 0700) and its missing parents, durably: losing its name would lose its files."""
    new = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in new:
        sync_folder(each.parent)


@contextmanager
def making_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder that becomes ``folder`` (mode 0700), durably and at once, when the block ends well.

    If the block raises, nothing is left behind. If the process is killed, the next call for this folder removes the
    leftovers, but not on a file system without locks. ``InvalidInput`` if the name has been taken meanwhile.
    """
    remove_left(folder)
    make_folder(folder.parent)
    hidden = tempfile.TemporaryDirectory(dir=folder.parent, prefix=_hidden(folder.name), ignore_cleanup_errors=True)
    # Lock before `made` exists, and until it is gone: `remove_left` in another process must see it locked throughout.
    with hidden as work, _lock_if_possible(Path(work) / _LOCK):
        made = Path(work) / _MADE
        made.mkdir(mode=0o700)
        try:
            yield made
            _rename_folder(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _lock_if_possible(path: Path) -> AbstractContextManager[object]:
    try:
        return file_lock(path, 0)
    except OSError:
        # The folder will be whole all the same. Without the file, `remove_left` never takes it for a dead process's.
        path.unlink(missing_ok=True)
        return nullcontext()


def _rename_folder(made: Path, folder: Path) -> None:
    try:
        made.replace(folder)
    except OSError:
        if not folder.exists():
            raise
        raise InvalidInput(f"{folder} exists already", "Name a new folder.") from None
    sync_folder(folder.parent)


def remove_left(folder: Path) -> None:
    """Remove what killed processes left of ``folder``, but nothing of a live process or of another user."""
    for work in folder.parent.glob(f"{escape(_hidden(folder.name))}????????"):
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


def make_private_file(path: Path) -> None:
    """Make an empty file (mode 0600) if there is none; ``OSError`` if it cannot be made.

    A file that is there is not opened. To close it again would free the locks that SQLite has on it in this process.
    Other processes would then remove the log that is in use (sqlite.org/howtocorrupt.html, section 2.2).
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def file_lock(path: Path, seconds: float) -> AbstractContextManager[object]:
    """Lock the file ``path`` (mode 0600, made if missing) now; the result releases it at the end of a ``with``.

    The system releases it when the process ends. ``TimeoutError`` if others hold it for ``seconds``; ``OSError`` if the
    file cannot be opened, or if the file system has no locks.
    """
    from filelock import FileLock  # imported here: verifying needs no lock

    # Made here, because FileLock insists on a mode that some disks refuse to set.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    # A lock that is only a file's existence would outlive a killed process on another machine.
    # Any thread may release it: who took it may have ended.
    return FileLock(path, fallback_to_soft=False, thread_local=False).acquire(timeout=seconds)


def turn_lock(path: Path, seconds: float) -> AbstractContextManager[object]:
    """Do as `file_lock`, and let no process that takes the lock again and again keep another one waiting.

    Whoever waits for the lock holds ``next.NAME``, a file beside it. So the process that just released the lock cannot
    take it first.
    """
    until = time.monotonic() + seconds
    with file_lock(path.with_name(f"next.{path.name}"), seconds):
        return file_lock(path, max(0.0, until - time.monotonic()))
