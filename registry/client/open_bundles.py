"""Open the bundles that a grant hands over into a folder, and bring such a folder up to date."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from registry.client.bundle_lines import BundleLines, NewFile, plain
from registry.client.opened_folder import STATE, OpenedBundle, OpenedGrant, read_state, write_state
from registry.core.errors import InvalidInput
from registry.core.sealed.bundles import BundleKey
from registry.core.sealed.capsule import StreamUpdate
from registry.core.sealed.files import Budget
from registry.core.sealed.heads import SegmentRef, StreamHead, StreamReader
from registry.fs.changed_folder import FolderChange, changing_folder, finish_change, locked_folder
from registry.storage.base import BlockStore
from registry.vault.large_files import open_file

# Bytes of a name; a file's name has at most 255.
MAX_LOCAL_NAME = 80
# Counted for each file beside its content: an empty one takes room on a disk too.
FILE_BYTES = 4096
_AT_ONCE = 1_000


class BundleOpener:
    """Opens bundles that ``vault_key`` signed. ``budget`` bounds all that is fetched, unpacked and written."""

    def __init__(self, store: BlockStore, vault_key: str, budget: Budget) -> None:
        self._store, self._vault_key, self._budget = store, vault_key, budget

    def open(self, grant: str, keys: Iterable[BundleKey], folder: Path, update: int = 0) -> OpenedGrant:
        """Write all bundles of a grant (its digest) into the new ``folder``; ``update`` is the number of their update.

        The keys of a capsule have update 0.
        """
        bundles = tuple(self._bundles(keys, {}, FolderChange(folder, []), folder))
        state = OpenedGrant(grant, update, bundles)
        self._write(folder / STATE, write_state(state))
        return state

    def update(self, update: StreamUpdate, folder: Path) -> OpenedGrant:
        """Bring a folder up to date: whole, or not at all. The update that it has already changes nothing.

        ``InvalidInput`` if the folder is another grant's, or has a newer update or head.
        """
        read_state(folder)  # before a lock is left in a folder of somebody else
        with locked_folder(folder):
            finish_change(folder, STATE)
            state = read_state(folder)
            if _is_known(state, update):
                return state
            known = {one.stream: one for one in state.bundles}
            with changing_folder(folder, STATE) as change:
                new = {one.stream: one for one in self._bundles(update.streams, known, change, folder)}
                state = OpenedGrant(state.grant, update.number, tuple((known | new).values()))
                self._write(change.new / STATE, write_state(state))
        return state

    def _bundles(
        self, keys: Iterable[BundleKey], known: dict[str, OpenedBundle], change: FolderChange, folder: Path
    ) -> Iterator[OpenedBundle]:
        taken = {one.path for one in known.values()}
        for key in keys:
            old = known.get(key.stream)
            if old is not None and old.head == key.head:
                yield old
                continue
            path = _free_name(key.category, taken) if old is None else old.path
            taken.add(path)
            yield self._bundle(key, old, path, change, folder)

    def _bundle(
        self, key: BundleKey, old: OpenedBundle | None, path: str, change: FolderChange, folder: Path
    ) -> OpenedBundle:
        reader = StreamReader(key.stream, key.identity, self._vault_key, self._store.get, self._budget)
        head = reader.head(key.head)
        if old is not None and head.number < old.number:
            what = f"the update's head of {key.category} is number {head.number}; this folder has {old.number}"
            raise InvalidInput(what, "Ask the person for a newer update.")
        read = {} if old is None else dict.fromkeys(old.read)
        with tempfile.TemporaryFile(dir=change.new) as spool:
            lines = _lines_of(key, old, path, folder, spool)
            for segment in _unread(reader, head, read):
                for record in reader.records(segment):
                    lines.take(record)
            size, sha256 = self._write_lines(lines, change.new / path)
            for file in lines.new_files():
                self._write_file(file, lines, change.new)
        change.gone.extend(lines.gone_files())
        return OpenedBundle(
            stream=key.stream,
            category=key.category,
            view=key.view,
            head=key.head,
            number=head.number,
            path=path,
            records=len(lines),
            files=lines.files,
            bytes=size,
            sha256=sha256,
            read=tuple(read),
            counters=lines.counters,
            removed=lines.removed,
        )

    def _write_lines(self, lines: BundleLines, path: Path) -> tuple[int, str]:
        hashed, size = hashlib.sha256(), 0
        self._budget.written(FILE_BYTES)
        with path.open("xb") as sink:
            for some in _gathered(lines.sorted_lines()):
                self._budget.written(len(some))
                sink.write(some)
                hashed.update(some)
                size += len(some)
        return size, hashed.hexdigest()

    def _write_file(self, file: NewFile, lines: BundleLines, folder: Path) -> None:
        path = folder / file.line.path
        if file.sealed is None:
            self._write(path, lines.content(file))
            return
        assert file.sealed.cid is not None
        self._budget.written(FILE_BYTES)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with io.BufferedWriter(_LimitedFile(path, self._budget)) as sink:
            open_file(file.sealed, self._counted(file.sealed.cid), cast(BinaryIO, sink))

    def _counted(self, root: str) -> Callable[[str], bytes]:
        get = self._store.reader(root)

        def counted(cid: str) -> bytes:
            data = get(cid)
            self._budget.fetched(len(data))
            return data

        return counted

    def _write(self, path: Path, content: bytes) -> None:
        self._budget.written(FILE_BYTES + len(content))
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(content)


class _LimitedFile(io.FileIO):
    """A new file that takes what its budget allows."""

    def __init__(self, path: Path, budget: Budget) -> None:
        super().__init__(path, "x")
        self._budget = budget

    def write(self, data: Any) -> int:
        self._budget.written(len(data))
        return super().write(data)


def _is_known(state: OpenedGrant, update: StreamUpdate) -> bool:
    if update.grant != state.grant:
        raise InvalidInput("the folder holds another grant's data", "Name the folder of this grant.")
    if update.number < state.update:
        what = f"this is update {update.number}, and the folder has {state.update} already"
        raise InvalidInput(what, "Nothing was changed: what it has is newer.")
    if update.number > state.update:
        return False
    heads = {one.stream: one.head for one in state.bundles}
    if any(heads.get(key.stream) != key.head for key in update.streams):
        what = f"the folder has another update with the number {state.update}"
        raise InvalidInput(what, "Ask the person for a newer one.")
    return True


def _lines_of(key: BundleKey, old: OpenedBundle | None, path: str, folder: Path, spool: BinaryIO) -> BundleLines:
    files = path.removesuffix(".jsonl")
    if old is None:
        return BundleLines(key.view, files, spool, {}, {})
    lines = BundleLines(key.view, files, spool, dict(old.counters), dict(old.removed))
    if not (folder / path).is_file():
        raise InvalidInput(f"{folder / path} is missing", "Open the grant anew, into another folder.")
    with (folder / path).open("rb") as before:
        lines.load(before, old.sha256)
    return lines


def _unread(reader: StreamReader, head: StreamHead, read: dict[str, None]) -> Iterator[SegmentRef]:
    """Yield the segments that were not read before, and note them in ``read``, with the lists that name them."""
    known = frozenset(read)
    for part in reader.parts(head, known):
        read.update(dict.fromkeys([] if part.older is None else [part.older]))
        for segment in part.segments:
            if segment.cid not in known:
                read[segment.cid] = None
                yield segment


def _gathered(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield so many lines at once that writing them costs little."""
    while some := b"".join(islice(lines, _AT_ONCE)):
        yield some


def _free_name(category: str, taken: set[str]) -> str:
    """Return the local name of a category with a number: two vocabularies may share a local name."""
    local = plain(category.rsplit("/", 1)[-1].rsplit(":", 1)[-1])[:MAX_LOCAL_NAME]
    return next(name for number in count(1) if (name := f"{local}-{number}.jsonl") not in taken)
