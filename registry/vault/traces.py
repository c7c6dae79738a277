"""What is known of records before they are shredded, and where it is looked for afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from registry.core.errors import ConsentError, StorageUnavailable
from registry.core.sealed.certificate import CopySearched, Counted, Kept, Searched
from registry.core.sealed.index import Restricted
from registry.core.sealed.records import Record, id_bytes
from registry.fs.files import read_bounded
from registry.storage.base import BlockStore
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.folder import VaultFolder
from registry.vault.holds import MarkOf

# Traces that are looked for: ids of so many records, and texts that no other record has.
_SOME_IDS, _SOME_TEXTS = 100, 20
# Fewer records are read one by one, more in one pass over all.
_ONE_BY_ONE = 5_000
_TEXT = re.compile(r"[0-9A-Za-z][0-9A-Za-z .,-]{10,198}[0-9A-Za-z]")
_MAX_FILE = 64 << 20


class Survey(NamedTuple):
    """Of the records to shred: versions, records by category, files that only they name (CIDs), ids and texts."""

    versions: int
    categories: Mapping[str, int]
    files: tuple[str, ...]
    ids: tuple[str, ...]
    texts: tuple[str, ...]

    def counted(self) -> tuple[Counted, ...]:
        """Return the records by category, as a certificate has them."""
        return tuple(Counted(name, count) for name, count in sorted(self.categories.items()))


def survey(copy: WorkingCopy, ids: Collection[str]) -> Survey:
    """Read what is known of these records."""
    versions, category_of, files, texts = 0, dict[str, str](), set[str](), list[str]()
    for record in _versions_of(copy, ids):
        versions += 1
        if record.category:
            category_of[record.id] = record.category
        if record.file is not None and record.file.cid:
            files.add(record.file.cid)
        if len(texts) < _SOME_TEXTS:
            texts += [one for one in _texts(record.body) if _TEXT.fullmatch(one)][:1]
    if files:
        files -= {file.cid for name, file in copy.files() if name not in ids and file.cid}
    some = tuple(sorted(ids)[:: max(1, len(ids) // _SOME_IDS)][:_SOME_IDS])
    return Survey(versions, Counter(category_of.values()), tuple(sorted(files)), some, tuple(dict.fromkeys(texts)))


def kept_on_hold(holds: Iterable[Restricted], mark_of: MarkOf) -> tuple[Kept, ...]:
    """Return what a certificate says of records on a legal hold."""
    return tuple(Kept(mark_of(id_bytes(one.record)), one.until or "", one.reason or "") for one in holds)


def look_into_stores(
    blocks: Sequence[str], ours: Mapping[str, BlockStore], others: Mapping[str, BlockStore]
) -> tuple[Searched, ...]:
    """Ask each store for each block. From the ``others`` they are erased first."""
    for store in others.values():
        with suppress(StorageUnavailable):
            store.delete(blocks)
    return tuple(_asked(name, store, blocks) for name, store in {**ours, **others}.items())


def look_into_copy(folder: VaultFolder, found: Survey) -> CopySearched:
    """Look for traces in the decrypted pages of the working copy; what other records hold too is none."""
    traces = {one.encode() for one in found.ids} | {id_bytes(one) for one in found.ids}
    return look_for(folder, traces, found.texts)


def look_for(folder: VaultFolder, some: Iterable[bytes], texts: Iterable[str] = ()) -> CopySearched:
    """Look for byte strings, and for texts that no record holds, in the decrypted pages of the working copy."""
    try:
        copy = folder.copy()
        if copy is None:
            return CopySearched(0, 0, 0, "there is no working copy")
        traces = {*some, *(one.encode() for one in texts if not copy.holds_text(one))}
        looked = copy.look_for(traces)
        trouble = "another process reads it: it is rewritten when it is opened next" if copy.is_erasing else None
    except ConsentError as error:
        return CopySearched(0, 0, 0, str(error)[:900] or "it cannot be read")
    return CopySearched(looked.pages, len(traces), len(looked.found), trouble)


def look_into_files(directory: Path, found: Survey) -> tuple[str, ...]:
    """Return the names of files in the vault's folder, but the working copy, that hold an id."""
    traces = [one.encode() for one in found.ids]
    files = [one for one in sorted(directory.rglob("*")) if one.is_file() and not one.name.startswith("copy.db")]
    return tuple(one.name for one in files if any(trace in read_bounded(one, _MAX_FILE) for trace in traces))


def _asked(name: str, store: BlockStore, blocks: Sequence[str]) -> Searched:
    answers = Counter[bool | None]()
    for cid in blocks:
        try:
            answers[store.has(cid)] += 1
        except StorageUnavailable:
            answers[None] += 1
            if answers[None] == len(answers) == 1:
                # The first one: it answers nothing, and each further question may take its whole time.
                return Searched(name, len(blocks), 0, 0, len(blocks))
    return Searched(name, len(blocks), answers[False], answers[True], answers[None])


def _versions_of(copy: WorkingCopy, ids: Collection[str]) -> Iterator[Record]:
    if len(ids) <= _ONE_BY_ONE:
        for name in ids:
            yield from copy.history(name)
    else:
        yield from (one for one in copy.versions() if one.id in ids)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
