"""Erasure in two phases: withdraw records, which can be taken back, or shred them, which cannot.

    vault.erasure.withdraw(selection, "2027-01-31")           # kept, and not searched, shared or exported
    certificate = vault.shred(selection_of(["pd:Purchase"]))  # gone, with a certificate of where that was checked

Shredding is one change, as every other: a process that dies leaves the old state or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from registry.core.errors import InvalidInput, StorageUnavailable
from registry.core.instants import utc_text
from registry.core.sealed.certificate import ShredCertificate, TakenBack
from registry.core.sealed.documents import public_key_of, signed
from registry.core.sealed.index import Bundle, OwnStream, Restricted, VaultBook
from registry.core.sealed.records import id_bytes
from registry.storage.base import BlockStore
from registry.vault.changes import Change
from registry.vault.copy.working_copy import WorkingCopy
from registry.vault.folder import VaultFolder
from registry.vault.holds import check_day, day_of, due, forgotten, held, in_force, marked, restricted
from registry.vault.rewriting import Counting, Told, take_back, without
from registry.vault.shares import Shares
from registry.vault.streams import Streams
from registry.vault.traces import Survey, kept_on_hold, look_into_copy, look_into_files, look_into_stores, survey

_ALWAYS = (
    "backups of this home and of its stores, and what file systems and disks keep of overwritten files",
    "copies that gateways and other people's IPFS nodes made of sealed blocks",
    "other homes of this seed: they erase these records when they read this one's book, and blocks that they name wait",
)


class Selection(NamedTuple):
    """Which records are meant: some by their ids, those of a category, all, or all whose day has come."""

    kind: Literal["RECORDS", "CATEGORY", "ALL", "DUE"]
    ids: tuple[str, ...] = ()
    category: str = ""


class Plan(NamedTuple):
    """What shredding a selection would remove. ``on_hold`` are records that would stay, and until when."""

    ids: frozenset[str]
    on_hold: Mapping[str, Restricted]
    survey: Survey
    live: tuple[Bundle, ...]
    ended: tuple[Bundle, ...]


def selection_of(words: Sequence[str]) -> Selection:
    """Read a selection as people write it: ``ALL``, ``DUE``, one category, or ids of records."""
    if list(words) in (["ALL"], ["DUE"]):
        return Selection("ALL" if words[0] == "ALL" else "DUE")
    if len(words) == 1 and ":" in words[0]:
        return Selection("CATEGORY", category=words[0])
    if not words:
        raise InvalidInput("nothing was selected", "Name records, a category, ALL or DUE.")
    return Selection("RECORDS", tuple(dict.fromkeys(words)))


class Erasure:
    """Withdraws and shreds records of a vault, and takes them back from its bundles (``shares``).

    ``place`` is what a certificate calls the store.
    """

    def __init__(
        self,
        folder: VaultFolder,
        store: BlockStore,
        shares: Shares,
        clock: Callable[[], float],
        place: str = "the vault's store",
    ) -> None:
        self._folder, self._store, self._shares, self._clock, self._place = folder, store, shares, clock, place
        self._elsewhere = list[str]()  # segments of other homes that hold what is shredded

    def plan(self, selection: Selection) -> Plan:
        """Return what `shred` would remove; ``InvalidInput`` where the selection names nothing."""
        copy, book = self._folder.copy(), self._folder.book()
        ids = _ids_of(selection, copy, book, self._today())
        assert copy is not None
        on_hold = {name: one for name, one in held(in_force(book), self._today()).items() if name in ids}
        gone = frozenset(ids - on_hold.keys())
        found = survey(copy, gone)
        concerned = [one for one in book.bundles if selection.kind == "ALL" or one.view.category in found.categories]
        live, ended = [one for one in concerned if not one.ended], [one for one in concerned if one.ended]
        return Plan(gone, on_hold, found, tuple(live), tuple(ended))

    def restrictions(self) -> tuple[Restricted, ...]:
        """Return all records that are kept and not used, with their days and reasons."""
        return in_force(self._folder.book())

    def withdraw(self, selection: Selection, until: str, reason: str | None = None) -> int:
        """Keep records and use them no more until a day (UTC): no search, share or export has them; return how many.

        Brands that hold them get tombstones. With a ``reason`` it is a legal hold: until then they are not shredded.
        """
        check_day(until)
        if until <= self._today():
            raise InvalidInput(f"{until} is not in the future", "Name a later day.")
        with self._folder.change() as change:
            book = self._folder.book()
            ids = _ids_of(selection, self._folder.copy(), book, self._today())
            book, _ = self._taken_back(change, book, ids)
            change.set_book(restricted(book, ids, until, reason))
            self._folder.commit(change)
        return len(ids)

    def release(self, selection: Selection) -> int:
        """Bring withdrawn records back, and end their legal holds; return how many."""
        with self._folder.change() as change:
            book = self._folder.book()
            ids = _ids_of(selection, self._folder.copy(), book, self._today())
            if found := ids & {one.record for one in in_force(book)}:
                change.set_book(restricted(book, found, None))
                self._folder.commit(change)
        return len(found)

    def shred(
        self,
        selection: Selection,
        others: Mapping[str, BlockStore] | None = None,
        agreed: Collection[str] | None = None,
        told: Told = lambda *_: None,
        capsules: Mapping[str, str] | None = None,
    ) -> ShredCertificate:
        """Erase records for good wherever we can, look for them there, and return a signed certificate.

        Records on a legal hold stay. ``others`` are more stores of the person's own with copies of the blocks, by what
        they are called. ``agreed`` are the ids of a plan that the person has read. ``told`` hears how far the work is.
        ``capsules`` are CIDs by the locks of their grants; one goes with the last bundle that it opens.
        ``InvalidInput`` where nothing is left to shred, and where it is not what was agreed: another process or device
        may have added something. Then, and after every error of a store before the new state was written, nothing has
        changed.
        """
        with self._folder.change() as change:
            plan = self.plan(selection)
            if agreed is not None and plan.ids != set(agreed):
                raise InvalidInput("your vault has changed since you read what goes", "Do it again.")
            if not plan.ids:
                raise InvalidInput("all of these records are on a legal hold", "`release` ends a hold.")
            is_all = selection.kind == "ALL" and not plan.on_hold
            self._elsewhere = []
            before = _locks(self._folder.book())
            taken, book = self._erase(change, plan, is_all, told)
            gone = set(capsules or ()) if is_all else before - _locks(book)
            self._drop_capsules(change, [cid for lock, cid in (capsules or {}).items() if lock in gone])
            told("copy", 0, 1)
            self._commit(change)
            told("stores", 0, 1)
            blocks = list(dict.fromkeys((*change.replaced, *self._elsewhere)))
            return self._certificate(selection, plan, taken, blocks, others or {})

    def _drop_capsules(self, change: Change, capsules: Iterable[str]) -> None:
        change.replace(one for one in capsules if self._store.has(one))

    def _erase(self, change: Change, plan: Plan, is_all: bool, told: Told) -> tuple[list[TakenBack], VaultBook]:
        """Take the records out of streams and bundles.

        Another home would bring back what left the index or the book. So as long as there are other homes, streams stay
        without a record, and bundles with tombstones alone.
        """
        streams, others = Streams(self._folder.owner.key, self._store.get, change.put), self._folder.has_others
        some = change.index.streams if change.index else ()
        counting = Counting(told, sum(len(streams.segments(one)) for one in some))
        for stream in some:
            if others and not stream.stream.startswith(change.home):
                self._elsewhere += _holding(streams, stream, plan.ids)
                continue
            left = without(streams, stream, lambda one: one.id not in plan.ids, counting)
            if left.dropped:
                change.rewrite(stream, left.segments, streams.files(stream), stays=others)
        gone = () if others else (*plan.ended, *(plan.live if is_all else ()))
        book, taken = self._taken_back(change, self._folder.book(), plan.ids, {one.name for one in gone})
        for bundle in gone:
            change.replace(self._shares.files_left(bundle))
            taken.append(TakenBack(bundle.controller, 0, True))
        if is_all:
            ended = tuple(msgspec.structs.replace(one, ended=True) for one in book.bundles)
            book = msgspec.structs.replace(book, bundles=ended, schemas=book.schemas if others else ())
        change.replace(one for one in plan.survey.files if self._store.has(one))
        marks = [self._folder.mark_of(id_bytes(one)) for one in plan.ids]
        change.set_book(marked(forgotten(book, plan.ids.__contains__), marks))
        return taken, book

    def _taken_back(
        self, change: Change, book: VaultBook, ids: Iterable[str], gone: Collection[str] = ()
    ) -> tuple[VaultBook, list[TakenBack]]:
        """Put tombstones into the bundles that hold these records; ended ones matter to other homes alone."""
        some, bundles, taken = set(ids), list[Bundle](), list[TakenBack]()
        for bundle in book.bundles:
            made, found = bundle, set[str]()
            if bundle.name in gone:
                continue
            if not bundle.ended or self._folder.has_others:
                made, found = take_back(change, self._store, self._shares.party(bundle), bundle, some)
            bundles.append(made)
            taken += [TakenBack(bundle.controller, len(found), False)] if found else []
        return msgspec.structs.replace(book, bundles=tuple(bundles)), taken

    def _commit(self, change: Change) -> None:
        before = self._folder.journal.index
        try:
            self._folder.commit(change)
        except StorageUnavailable:
            # The new state is written, and some blocks could not be erased: the certificate names them.
            if self._folder.journal.index == before:
                raise

    def _certificate(
        self,
        selection: Selection,
        plan: Plan,
        taken: list[TakenBack],
        blocks: Sequence[str],
        others: Mapping[str, BlockStore],
    ) -> ShredCertificate:
        key, found = self._folder.owner.key, plan.survey
        remains = [f"copies that {one} made of what it was handed" for one in sorted({t.controller for t in taken})]
        remains += [*_ALWAYS, *(["the seed, which the person keeps"] if selection.kind == "ALL" else [])]
        if self._folder.journal.is_logged:
            remains.append("a log of the store, which another program was reading: the next change empties it")
        made = ShredCertificate(
            owner=public_key_of(key),
            at=utc_text(int(self._clock()) * 1_000_000),
            selection=selection.kind,
            records=len(plan.ids),
            versions=found.versions,
            categories=found.counted(),
            marks=tuple(sorted(self._folder.mark_of(id_bytes(one)) for one in plan.ids)),
            kept=kept_on_hold(plan.on_hold.values(), self._folder.mark_of),
            places=look_into_stores(blocks, {self._place: self._store}, others),
            taken_back=tuple(taken),
            copy=look_into_copy(self._folder, found),
            files=look_into_files(self._folder.directory, found),
            remains=tuple(remains),
        )
        return signed(made, key)

    def _today(self) -> str:
        return day_of(self._clock())


def _locks(book: VaultBook) -> set[str]:
    return {lock for bundle in book.bundles for lock in bundle.locks}


def _holding(streams: Streams, stream: OwnStream, ids: Collection[str]) -> Iterator[str]:
    """Yield the segments (CIDs) that hold a version of these records."""
    for ref in streams.segments(stream):
        if any(one.id in ids for one in streams.records(stream, ref)):
            yield ref.cid


def _ids_of(selection: Selection, copy: WorkingCopy | None, book: VaultBook, today: str) -> set[str]:
    """Return the ids of a selection; ``InvalidInput`` where it names nothing, or a record that is not there."""
    if copy is None:
        raise InvalidInput("the vault is empty")
    if selection.kind == "RECORDS":
        for name in selection.ids:
            if not copy.history(name):
                raise InvalidInput(f"there is no record {name[:80]}", "`search` finds the ids of records.")
        return set(selection.ids)
    if selection.kind == "DUE":
        ids = set(due(in_force(book), today)) & set(copy.ids())
    else:
        ids = set(copy.ids_of(selection.category) if selection.kind == "CATEGORY" else copy.ids())
    if not ids:
        what = {"CATEGORY": f"no record of {selection.category}", "DUE": "no record whose day has come"}
        raise InvalidInput(f"there is {what.get(selection.kind, 'no record')}")
    return ids
