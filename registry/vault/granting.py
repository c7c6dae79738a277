"""Notes of the grants that are being made: so that nothing stays of a grant whose process died.

While a grant is made, its bundles exist and no evidence does. The note ``granting/LOCK`` lies in the vault's folder
from before the bundles until the evidence is kept. It holds the digest of what is signed, once that is known. The
process holds the lock of the file beside it, so that another one can tell whether it lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.fs.files import file_lock, make_folder, read_bounded, replace_file

_MAX_NOTE = 200
_WORD = re.compile(r"0x[0-9a-f]{64}")


class Note(NamedTuple):
    """A grant in the making: the lock of its bundles, the digest of its statement, and its ``content``.

    The last two are "" before they are known.
    """

    lock: str
    digest: str = ""
    content: str = ""


class Granting:
    """The notes of the vault in this directory."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "granting"

    @contextmanager
    def held(self, lock: str) -> Iterator[None]:
        """Note that the grant with this lock is being made, and show other processes that this one lives."""
        try:
            make_folder(self._folder)
            alive = file_lock(self._folder / f"{lock}.alive", 0)
        except (OSError, TimeoutError) as error:
            raise StorageUnavailable(f"{self._folder} cannot be locked: {error}") from None
        with alive:
            self.note(Note(lock))
            yield

    def note(self, note: Note) -> None:
        """Note durably which statement is about to be signed."""
        replace_file(self._file(note.lock), f"{note.digest} {note.content}\n".encode())

    def drop(self, lock: str) -> None:
        """Forget a grant: its evidence is kept, or nothing is left of it."""
        self._file(lock).unlink(missing_ok=True)
        with suppress(OSError):
            (self._folder / f"{lock}.alive").unlink(missing_ok=True)

    def left(self) -> Iterator[Note]:
        """Yield the grants whose process ended before they were kept or discarded, each while nobody else has it."""
        for file in sorted(self._folder.glob("0x*")):
            if _WORD.fullmatch(file.name):
                # Another process has it, or dropped it meanwhile.
                with suppress(OSError, TimeoutError, InvalidInput), file_lock(self._folder / f"{file.name}.alive", 0):
                    yield _read(file)

    def _file(self, lock: str) -> Path:
        return self._folder / lock


def _read(file: Path) -> Note:
    words = [word for word in read_bounded(file, _MAX_NOTE).decode("ascii", "replace").split() if _WORD.fullmatch(word)]
    return Note(file.name, *words[:2])
