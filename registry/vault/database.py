"""A person's database: their records, found in an instant, encrypted wherever they lie.

    vault = Database(folder, seed, store)
    (name,) = vault.add([Draft("pd:Purchase", "purchase/1", body={"name": "coat", "orderDate": "2026-01-31"})])
    vault.search("coat after:2026").records

Each method that changes something is one change: all of it is done, durably, or nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import msgspec

from registry.core.crypto.seeds import relationship_key
from registry.core.errors import InvalidInput
from registry.core.sealed.certificate import ShredCertificate
from registry.core.sealed.index import OwnSchema
from registry.core.sealed.records import FileRef, Record
from registry.storage.base import BlockStore
from registry.vault.bulk import add_all, rarely_collecting
from registry.vault.changes import Change
from registry.vault.copy.query import parse
from registry.vault.copy.search import Page
from registry.vault.copy.sql import Answer
from registry.vault.copy.stats import Stats
from registry.vault.copy.working_copy import PAGE
from registry.vault.draft import Draft, FileSource
from registry.vault.evidence_marks import EvidenceMarks
from registry.vault.folder import VaultFolder
from registry.vault.homes import Merged
from registry.vault.ids import RecordIds
from registry.vault.importers.base import Item, Refused
from registry.vault.importers.report import Report
from registry.vault.ingest import Ingest, Making
from registry.vault.large_files import seal_file
from registry.vault.naming import find_id
from registry.vault.owner import OwnerSide
from registry.vault.place import Place
from registry.vault.received import Mailbag
from registry.vault.recording import draft_of, of_category, record_of, sealed_nowhere, tombstone_of
from registry.vault.schemas.schema import Facts, Schema
from registry.vault.schemas.schemas import Schemas
from registry.vault.shares import Shares
from registry.vault.shred import Erasure, Selection
from registry.vault.upkeep import Upkeep

if TYPE_CHECKING:
    from registry.vault.export.archive import Exported

_NO_HOME = "00" * 8
_LIST = "`search` finds the ids of records."
_EMPTY_PAGE = Page((), "", 0, True)
_EMPTY_STATS = Stats(0, 0, {}, {}, {})


class Database(OwnerSide):
    """The records of a person, by their ``seed``, in a folder and a store. Threads may share it.

    ``clock`` returns unix seconds. ``place`` names the store, so that the folder notes where the blocks lie.
    """

    def __init__(
        self,
        directory: Path,
        seed: bytes,
        store: BlockStore,
        clock: Callable[[], float] = time.time,
        place: Place | None = None,
    ) -> None:
        super().__init__(VaultFolder(directory, seed, store, self._facts_of, place), seed)
        self._clock, self._ids = clock, RecordIds(lambda: int(clock() * 1_000_000_000))
        self.shares = Shares(self._folder, store, partial(relationship_key, seed))
        self.erasure = Erasure(self._folder, store, self.shares, clock, str(place or "the vault's store"))
        self.marks = EvidenceMarks(self._folder, store, self.shares, clock)
        self.mail = Mailbag(self._folder, self._making, self._put)
        self.upkeep = Upkeep(self._folder, store, self.shares)
        self._known_schemas: tuple[tuple[OwnSchema, ...], Schemas] | None = None

    def add(self, drafts: Iterable[Draft]) -> list[str]:
        """Add facts, and return their ids. ``InvalidInput`` names every fault of the first draft that has one."""
        some = list(drafts)
        for draft in some:
            self.schemas.check(draft)
        with self._folder.change() as change:
            making = self._making(change, partial(seal_file, put=change.put))
            made = [making.record(draft, making.new_id(), 1) for draft in some]
            self._put(change, [(record.category or "", record) for record in made])
        return [record.id for record in made]

    def take(self, items: Iterable[Item], on_refused: Callable[[Refused], object] = lambda _: None) -> Report:
        """Import what an importer yields, as one change, and return what came of it.

        What the vault knows already is left alone, and what the person deleted stays deleted. ``on_refused`` gets every
        refused place. If this does not return, nothing was imported. ``InvalidInput`` where an export brings a schema
        and the vault has another one of its name.
        """
        with rarely_collecting(), self._folder.change() as change:
            seal = partial(seal_file, put=change.put)
            ingest = Ingest(
                self._folder.copy(), making := self._making(change, seal), on_refused, self._folder.is_shredded()
            )
            is_any = add_all(change, ingest.records(items))
            if ingest.has_new_schemas:
                self._keep(making.schemas, change)
            if is_any or ingest.has_new_schemas:
                self._commit(change)
        return ingest.report

    def preview(self, items: Iterable[Item], on_refused: Callable[[Refused], object] = lambda _: None) -> Report:
        """Return what `take` would do, without doing it."""
        making = self._making(None, sealed_nowhere)
        ingest = Ingest(self._folder.copy(), making, on_refused, self._folder.is_shredded())
        for _ in ingest.records(items):
            pass
        return ingest.report

    def export(self, sink: BinaryIO, folder: Path, category: str | None = None, language: str = "en") -> Exported:
        """Write everything, or one category, into one zip that anybody can read (GDPR, article 20); see `write_export`.

        `take` brings it back through an `ExportImporter`. ``folder`` is where the zip is being written.
        """
        from registry.vault.export.archive import write_export  # slow to load: it makes pages

        versions, schemas = of_category(self.versions(), category), self.schemas
        documents = {name: schemas.get(name).text.encode() for name in schemas.names() if self.index}
        content = partial(self._folder.content, folder=folder)
        return write_export(sink, versions, documents, content, int(self._clock()), folder, language)

    def edit(self, name: str, **members: Any) -> Record:
        """Write a new version of a record with other members of `Draft`: body, tags, time, source, file."""
        with self._folder.change() as change:
            old = self._newest(name)
            draft = msgspec.structs.replace(draft_of(old), **members)
            self.schemas.check(draft)
            making = self._making(change, partial(seal_file, put=change.put))
            made = msgspec.structs.replace(making.record(draft, name, old.counter + 1), key=old.key)
            self._put(change, [(old.category or "", made)])
        return made

    def restore(self, name: str, counter: int) -> Record:
        """Make an older version of a record its newest one, as a version more."""
        with self._folder.change() as change:
            newest = self.history(name)[-1]
            found = [one for one in self.history(name) if one.counter == counter and not one.deleted]
            if not found:
                raise InvalidInput(f"{name} has no version {counter}", "`history` lists them.")
            made = msgspec.structs.replace(found[-1], counter=newest.counter + 1, home=change.home, key=newest.key)
            self._put(change, [(made.category or "", made)])
        return made

    def remove(self, names: Iterable[str]) -> None:
        """Delete records: no search finds them, and the next merges of segments drop their content.

        Until then the store and the working copy keep what they held, and `restore` brings them back.
        """
        with self._folder.change() as change:
            some = [self._newest(name) for name in dict.fromkeys(names)]
            stones = [(one.category or "", tombstone_of(one, change.home)) for one in some]
            self._put(change, stones)

    def shred(self, selection: Selection, others: Mapping[str, BlockStore] | None = None) -> ShredCertificate:
        """Erase records for good and return a signed certificate; see `Erasure.shred`, which tells how far it is."""
        return self.erasure.shred(selection, others)

    def find(self, name: str) -> str:
        """Return the id of the record that a person means; see `registry.vault.naming.find_id`."""
        return find_id(self._folder.copy(), name)

    def get(self, name: str) -> Record:
        """Return the newest version of a record; ``InvalidInput`` where there is none, or where it was deleted."""
        return self._newest(name)

    def history(self, name: str) -> list[Record]:
        """Return all versions of a record, oldest first; ``InvalidInput`` for an unknown one."""
        if not (found := self._folder.ask(lambda copy: copy.history(name))):
            raise InvalidInput(f"there is no record {name[:80]}", _LIST)
        return found

    def versions(self) -> Iterator[Record]:
        """Yield all versions of all records that are not withheld: those of one record together, oldest first."""
        copy = self._folder.copy()
        if copy is not None:
            withheld = copy.restricted()
            yield from (one for one in copy.versions() if one.id not in withheld)

    def search(self, query: str, limit: int = PAGE, cursor: str = "") -> Page:
        """Return a page of the records that a query of words and fields finds, newest first."""
        asked = parse(query)
        return self._folder.ask(lambda copy: copy.search(asked, limit, cursor)) or _EMPTY_PAGE

    def select(self, query: str) -> Iterator[Record]:
        """Yield all records that a query finds, newest first."""
        asked = parse(query)
        copy = self._folder.copy()
        if copy is not None:
            yield from copy.select(asked)

    def query(self, sql: str) -> Answer:
        """Run one SELECT of a person's own over the views of the schemas; see `registry.vault.copy.sql`."""
        schemas = self.schemas
        members = {name: schemas.get(name).members for name in schemas.names()}
        if (answer := self._folder.ask(lambda copy: copy.query(sql, members))) is None:
            raise InvalidInput("the vault is empty", "Add something first.")
        return answer

    def stats(self) -> Stats:
        """Count the records by category, source and year."""
        return self._folder.ask(lambda copy: copy.stats()) or _EMPTY_STATS

    @property
    def schemas(self) -> Schemas:
        """The built-in schemas and the person's own, which the book keeps."""
        self._folder.look_again()
        return self._schemas_of_the_copy()

    def _schemas_of_the_copy(self) -> Schemas:
        own = self._folder.schemas
        if self._known_schemas is None or self._known_schemas[0] != own:
            self._known_schemas = own, Schemas(json.loads(one.schema) for one in own)
        return self._known_schemas[1]

    def add_schema(self, raw: bytes, name: str | None = None) -> Schema:
        """Add a schema of the person's own; ``InvalidInput`` says why not."""
        with self._folder.change() as change:
            schemas = self.schemas.copy()
            made = schemas.add(raw, name)
            self._keep(schemas, change)
            self._folder.commit(change)
        return made

    def _keep(self, schemas: Schemas, change: Change) -> None:
        """Put the person's own schemas into the book, from which they are read again after the change."""
        own = tuple(OwnSchema(one.name, one.text) for one in schemas.own())
        change.set_book(msgspec.structs.replace(self._folder.book(), schemas=own))
        self._known_schemas = None

    def merge(self) -> Merged:
        """Take over what the person's other homes have in this store; each change does so first, too.

        It says what of them could not be read. That comes with a later merge, and nothing is lost.
        """
        return self._folder.merge()

    def forget_home(self, home: str, is_lost: bool = False) -> None:
        """Wait no more for another home, such as a phone that is gone. What it has is taken over first.

        Until then nothing is erased that it may still need. `StorageUnavailable` if what it has cannot be read, unless
        it ``is_lost``.
        """
        self._folder.forget(home, is_lost)

    def close(self) -> None:
        """Close the working copy. May be called twice."""
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _newest(self, name: str) -> Record:
        newest = self.history(name)[-1]
        if newest.deleted:
            raise InvalidInput(f"the record {name[:80]} was deleted", "`restore` brings it back.")
        if (copy := self._folder.copy()) and newest.id in copy.restricted():
            raise InvalidInput(f"the record {name[:80]} is kept and not used", "`erasure.release` brings it back.")
        return newest

    def _making(self, change: Change | None, seal: Callable[[FileSource], FileRef]) -> Making:
        home, schemas = change.home if change else _NO_HOME, self.schemas.copy()

        def record(draft: Draft, name: str, counter: int) -> Record:
            if isinstance(draft.file, FileSource):
                draft = msgspec.structs.replace(draft, file=seal(draft.file))
            now = int(self._clock() * 1_000_000)
            return record_of(draft, schemas.get(draft.schema), name, home, now, counter)

        return Making(schemas, self._ids.new, record, seal)

    def _put(self, change: Change, made: Iterable[tuple[str, Record]]) -> None:
        """Commit these versions, each with its category."""
        if add_all(change, made):
            self._commit(change)

    def _commit(self, change: Change) -> None:
        """Make it so, and let the working copy follow: the next search then finds it at once."""
        self._folder.commit(change)
        self._folder.follow()

    def _facts_of(self, record: Record) -> Facts:
        # Asked for each record, while the copy follows an index that may not be the newest yet.
        return self._schemas_of_the_copy().facts(record)
