"""Homes of one seed, and a plain model of each: sets of versions, bundles and marks that only ever join."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from registry.core.crypto.seeds import homes_name, owner_identity, relationship_key, vault_key
from registry.core.ipld.cid import Block, digest_of_cid
from registry.core.ipld.unixfs import blocks_of
from registry.core.sealed.documents import public_key_of
from registry.core.sealed.homes import open_name
from registry.core.sealed.records import Record
from registry.vault.bundles import Party, files_of
from registry.vault.database import Database
from registry.vault.shred import selection_of
from registry.vault.streams import Streams
from tests.support.builders import SEED
from tests.support.fake_storage import MemoryBlocks

NAME = homes_name(SEED)


class Killed(BaseException):
    """The process ends here."""


class MortalStore(MemoryBlocks):
    """Dies at a call that writes; of what was to be written, nothing or everything is done."""

    left, acts_first = -1, False

    def put(self, blocks: Iterable[Block], *, public: bool = False) -> None:
        self._act(lambda: MemoryBlocks.put(self, list(blocks)))

    def delete(self, cids: Iterable[str]) -> None:
        self._act(lambda: MemoryBlocks.delete(self, list(cids)))

    def set_name(self, name: str, home: str, data: bytes | None) -> None:
        self._act(lambda: MemoryBlocks.set_name(self, name, home, data))

    def _act(self, act: Callable[[], None]) -> None:
        self.left -= 1
        if self.left or self.acts_first:
            act()
        if self.left == 0:
            raise Killed

    def published(self) -> dict[str, str]:
        """The CID of the index that each home left."""
        signer = public_key_of(vault_key(SEED))
        named = self.named.get(NAME, {})
        return {home: open_name(raw, home, owner_identity(SEED), signer).index for home, raw in named.items()}


def _difference(one: Mapping[Any, object], two: Mapping[Any, object]) -> dict[Any, tuple[object, object]]:
    both = {key: (one.get(key, ...), two.get(key, ...)) for key in {*one, *two}}
    return {key: values for key, values in both.items() if values[0] != values[1]}


Version = tuple[str, int, str]  # id, counter, home


@dataclass(frozen=True)
class Model:
    """What a home knows. ``versions`` have their content, None for a tombstone; ``bundles`` say what has ended."""

    versions: dict[Version, str | None] = field(default_factory=dict)
    bundles: dict[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)
    shredded: frozenset[str] = frozenset()

    def with_versions(self, more: dict[Version, str | None]) -> Model:
        return replace(self, versions=self.versions | more)

    def join(self, other: Model) -> Model:
        gone = self.shredded | other.shredded
        versions = {key: text for key, text in (self.versions | other.versions).items() if key[0] not in gone}
        bundles = dict(self.bundles)
        for name, (view, ended) in other.bundles.items():
            bundles[name] = (view, ended or bundles.get(name, (view, False))[1])
        only_mine, only_theirs = self.bundles.keys() - other.bundles, other.bundles.keys() - self.bundles.keys()
        live = {name: view for name, (view, ended) in bundles.items() if not ended}
        for one, of_one in live.items():
            for two, of_two in live.items():
                apart = (one in only_mine and two in only_theirs) or (one in only_theirs and two in only_mine)
                if apart and of_one == of_two and one > two:
                    bundles[one] = (of_one, True)
        return Model(versions, bundles, gone)

    def newest(self) -> dict[str, tuple[int, str]]:
        found = dict[str, tuple[int, str]]()
        for id_, counter, home in self.versions:
            found[id_] = max(found.get(id_, (0, "")), (counter, home))
        return found

    def alive(self) -> dict[str, str]:
        """The content of each record that is there."""
        found = {id_: self.versions[id_, *newest] for id_, newest in self.newest().items()}
        return {id_: text for id_, text in found.items() if text is not None}

    def removed_once(self) -> set[str]:
        """Records of which older versions may be gone from the segments."""
        return {id_ for (id_, *_), text in self.versions.items() if text is None}


def text_of(record: Record) -> str | None:
    return None if record.deleted else str((record.body or {})["name"])


class Home:
    """A home with its folder, and the model of what it knows."""

    def __init__(self, folder: Path, store: MortalStore) -> None:
        self.folder, self.store, self.model = folder, store, Model()
        # What its index names. The working copy may have more: what others have is read before an index names it.
        self.indexed = self.model
        # Ids that others shredded. A home that dies while it takes that over may show them still, or not any more.
        self.wavering = set[str]()
        self._reached: tuple[str, frozenset[bytes]] = ("", frozenset())
        self.vault = Database(folder, SEED, store)

    @property
    def id(self) -> str:
        file = self.folder / "home"
        return file.read_text().strip() if file.exists() else ""

    @property
    def index(self) -> str:
        return self.vault._folder.journal.index

    def reopen(self) -> None:
        self.vault.close()
        self.vault = Database(self.folder, SEED, self.store)

    def renew(self) -> None:
        """Begin again with an empty folder."""
        self.vault.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.model = self.indexed = Model()
        self.reopen()

    def shred(self, id_: str) -> None:
        """Shred a record."""
        self.vault.shred(selection_of([id_]))

    def found(self) -> Model:
        """What the vault itself says that it has, in the model's form."""
        versions: dict[Version, str | None] = {
            (one.id, one.counter, one.home or ""): text_of(one) for one in self.vault.versions()
        }
        book = self.vault._folder.book()
        return Model(versions, {one.name: (one.view.members, one.ended) for one in book.bundles}, frozenset())

    def agrees(self, model: Model) -> bool:
        return not self.differs(model)

    def differs(self, model: Model) -> list[object]:
        """What the vault has and the model has not, and the other way round."""
        found, once = self.found(), model.removed_once()
        whole = [{key: text for key, text in each.versions.items() if key[0] not in once} for each in (found, model)]
        both = [
            (found.bundles, model.bundles),
            (found.newest(), model.newest()),
            (found.alive(), model.alive()),
            (whole[0], whole[1]),
        ]
        found_differences = [_difference(one, two) for one, two in both]
        return [one for one in map(self._steady, found_differences) if one]

    def _steady(self, difference: dict[Any, tuple[object, object]]) -> dict[Any, tuple[object, object]]:
        id_of = {key: key[0] if isinstance(key, tuple) else key for key in difference}
        return {key: values for key, values in difference.items() if id_of[key] not in self.wavering}

    def named_streams(self) -> bool:
        """Whether its newest index names a stream: the first one of a home that comes later names none."""
        index = self.vault._folder.index()
        return index is not None and bool(index.streams)

    def reached(self) -> frozenset[bytes]:
        """All blocks that its newest index names."""
        if self._reached[0] != self.index:
            self._reached = (self.index, frozenset(self._reach()))
        return self._reached[1]

    def _reach(self) -> Iterator[bytes]:
        folder, store = self.vault._folder, self.store
        index = folder.index()
        assert index is not None
        streams = Streams(vault_key(SEED), store.get, store.put)
        files = [folder.journal.index, *([index.book] if index.book else [])]
        for stream in index.streams:
            files += [stream.head, *streams.lists(stream), *(one.cid for one in streams.segments(stream))]
        for one in folder.book().bundles:
            party = Party(one.subject, one.controller, relationship_key(SEED, one.subject, one.controller))
            files += files_of(store, party, one)
        yield from (digest_of_cid(block.cid) for name in files for block in blocks_of(name, store.get))
