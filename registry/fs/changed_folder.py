"""Several files of one folder that change together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import InvalidInput
from registry.fs.files import file_lock, make_folder, replace_file, sync_file, sync_folder

# Until it has its second name, a change is not done; from then on it is, whatever happens.
_MAKING, _DONE, _LOCK = ".making", ".done", ".lock"
_NEW, _GONE = "new", "gone"


class FolderChange(NamedTuple):
    """A change in the making: new files belong below ``new``; ``gone`` takes the paths of those to remove."""

    new: Path
    gone: list[str]


@contextmanager
def changing_folder(folder: Path, last: str) -> Iterator[FolderChange]:
    """Yield a change that is made when the block ends well: durably, with the file ``last`` as its last one.

    If the block raises, or the process is killed in it, nothing is changed. A process that is killed while files get
    their names leaves the rest to `finish_change`. The caller holds the folder's lock.
    """
    making = folder / _MAKING
    shutil.rmtree(making, ignore_errors=True)
    change = FolderChange(making / _NEW, [])
    make_folder(change.new)
    try:
        yield change
        replace_file(making / _GONE, "\0".join(change.gone).encode())
        _make_durable(making)
        making.replace(folder / _DONE)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    sync_folder(folder)
    finish_change(folder, last)


def finish_change(folder: Path, last: str) -> None:
    """Finish a change whose process was killed, if there is one."""
    done = folder / _DONE
    if not (done / _GONE).exists():
        shutil.rmtree(done, ignore_errors=True)
        return
    for path in sorted(_files_below(done / _NEW), key=lambda path: path.name == last):
        target = folder / path.relative_to(done / _NEW)
        make_folder(target.parent)
        path.replace(target)
        sync_folder(target.parent)
    for name in filter(None, (done / _GONE).read_text().split("\0")):
        (folder / name).unlink(missing_ok=True)
    (done / _GONE).unlink()
    shutil.rmtree(done, ignore_errors=True)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; ``InvalidInput`` while another process has it."""
    try:
        lock = file_lock(folder / _LOCK, 0)
    except TimeoutError:
        raise InvalidInput(f"another process is changing {folder}", "Wait until it has ended.") from None
    with lock:
        yield


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _make_durable(folder: Path) -> None:
    for path in _files_below(folder):
        sync_file(path)
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync_folder(each)
