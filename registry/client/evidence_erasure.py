"""Erase evidence in a person's home, in two phases: keep it and use it no more until a day, or shred it for good.

    erasure = EvidenceErasure(home, network, vault)
    erasure.withdraw(erasure.select([digest]), "2032-12-31", "tax law")  # kept, restricted; `release` brings it back
    done = erasure.shred(erasure.select([digest]))                       # gone, with a certificate

The chain must show that a grant has ended: who loses its salt can no longer end it in private. What a killed process
left is gone on with by the next call, or by `go_on`:

1. The vault's book marks the statements, and lets go what they handed over. Nothing has changed before.
2. The evidence moves into the folder ``shredding``: no other part of the home finds it there.
3. All other files go, and the home, the vault and the store are searched.
4. The certificate is written beside the evidence, the evidence goes, and the certificate moves to its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET, structs

from registry.client.evidence_ends import check_ended
from registry.client.evidence_search import Search
from registry.client.evidence_store import parse_own
from registry.client.evidence_traces import (
    WORK,
    Going,
    acknowledgements_of,
    is_unfinished,
    own_files,
    own_keys,
    rest_of,
)
from registry.client.home import Home
from registry.client.network import Network
from registry.client.pending_store import PendingFolder
from registry.core import codec
from registry.core.errors import InvalidInput, Malformed, StorageUnavailable
from registry.core.evidence.certificate import EvidenceCertificate, Removed, parse_evidence_certificate
from registry.core.evidence.file import MAX_EVIDENCE, Evidence, parse_evidence
from registry.core.scalars import to_hex
from registry.core.sealed.index import Restricted
from registry.core.statements.messages import Grant
from registry.fs.files import file_lock, make_folder, move_file, read_bounded, remove_file, replace_file
from registry.storage.base import BlockStore
from registry.vault.database import Database
from registry.vault.evidence_marks import Answered

_CERTIFICATE = "certificate.json"
_MAX_CERTIFICATE = 1 << 20


class Plan(NamedTuple):
    """What shredding would remove: statements, and files by folder. ``on_hold`` stay, with their days and reasons."""

    going: tuple[Going, ...]
    on_hold: Mapping[str, Restricted]
    files: tuple[Removed, ...]

    @property
    def digests(self) -> frozenset[str]:
        """The digests of all that goes."""
        return frozenset(one.digest for one in self.going)


class Done(NamedTuple):
    """A certificate, the file that holds it, and the person's own files that still hold a trace."""

    certificate: EvidenceCertificate
    file: Path
    found: tuple[Path, ...] = ()


@dataclass(frozen=True)
class EvidenceErasure:
    """Restricts and shreds the evidence of a home. ``vault`` is the home's own, in the network's store."""

    home: Home
    network: Network
    vault: Database

    def select(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the digests of what a person means: first digits of digests, or DUE for all whose day has come.

        ``InvalidInput`` where one is neither a grant nor a refusal of this person, or where nothing is due.
        """
        if list(names) == ["DUE"]:
            if not (found := sorted(set(self.vault.marks.due()) & self._kept())):
                raise InvalidInput("there is no evidence whose day has come", "Name a grant or a refusal.")
            return tuple(found)
        if not names:
            raise InvalidInput("nothing was selected", "Name grants, refusals, or DUE.")
        return tuple(dict.fromkeys(self._selected(name) for name in names))

    def plan(self, digests: Collection[str]) -> Plan:
        """Return what `shred` would remove. Nothing is changed, and the chain is not asked."""
        on_hold = {name: one for name, one in self.vault.marks.held().items() if name in digests}
        going = tuple(self._going(name) for name in digests if name not in on_hold)
        rest = rest_of(self.home, going)
        files = [path for one in going for path in (self._place(one.digest), *own_files(self.home, one, rest))]
        return Plan(going, on_hold, _counted(self.home, dict.fromkeys(files)))

    def withdraw(self, digests: Collection[str], until: str, reason: str | None = None) -> int:
        """Keep evidence and use it no more until a day (UTC); return how much. With a ``reason`` it is a legal hold.

        Errors are those of `check_ended`; then nothing has changed.
        """
        self.vault.marks.check_until(until)
        with self._alone():
            check_ended(self.network, [self._going(name).evidence for name in digests])
            self.vault.marks.restrict(digests, until, reason)
            self._follow()
        return len(digests)

    def release(self, digests: Collection[str]) -> int:
        """Use restricted evidence again, and end its legal holds; return how much it was."""
        with self._alone():
            found = self.vault.marks.release(digests)
            self._follow()
        return len(found)

    def shred(
        self,
        digests: Collection[str],
        agreed: Collection[str] | None = None,
        others: Mapping[str, BlockStore] | None = None,
    ) -> Done:
        """Erase evidence for good wherever we can, look for it there, and return the certificate.

        ``agreed`` are the digests of a plan that the person has read. ``others`` are more stores of the person's own
        with copies of the blocks, by what they are called. What is on a legal hold stays. ``InvalidInput`` where
        nothing is left to shred, or where it is not what was agreed. The errors of `check_ended` and of the store
        before the vault is changed leave everything as it was.
        """
        with self._alone():
            plan = self.plan(digests)
            if agreed is not None and plan.digests != set(agreed):
                raise InvalidInput("your home has changed since you read what goes", "Do it again.")
            if not plan.going:
                raise InvalidInput("all of this is on a legal hold", "`consent evidence release` ends a hold.")
            check_ended(self.network, [one.evidence for one in plan.going])
            return self._shred(plan.going, others or {})

    def go_on(self) -> Done | None:
        """Finish what a killed process left, and erase here what another home of this seed shredded; None for nothing.

        Evidence that the vault restricts is moved out of use, and what it releases is brought back.
        """
        if not (self._left() or any(self._misplaced()) or is_unfinished(self.home)):
            return None
        with self._alone():
            self._follow()
            if left := self._left():
                return self._shred([self._going(name) for name in left], {})
            file = self.home.path / WORK / _CERTIFICATE
            if not file.exists():
                return None
            return self._published(parse_evidence_certificate(read_bounded(file, _MAX_CERTIFICATE)))

    def _shred(self, going: Sequence[Going], others: Mapping[str, BlockStore]) -> Done:
        with self._held(going):
            blocks = self.vault.marks.shred([_answered(one) for one in going])
            rest = rest_of(self.home, going)
            for one in going:
                if (place := self._place(one.digest)) != self._work(one.digest):
                    move_file(place, self._work(one.digest))
            search = Search.of(self.home, self.vault, going, rest)
            removed = self._remove(going, search)
        PendingFolder(self.home.path).sweep()
        self.home.deliveries().sweep_locks()
        made, found = search.certificate(going, removed, blocks, others)
        replace_file(self.home.path / WORK / _CERTIFICATE, codec.encode(made))
        for one in going:
            remove_file(self._work(one.digest))
        return self._published(made)._replace(found=tuple(found))

    def _remove(self, going: Sequence[Going], search: Search) -> tuple[Removed, ...]:
        folder, gone = PendingFolder(self.home.path), dict[Path, None]()
        for one in going:
            # What waited for this grant to be anchored is due: the grant before it must still end.
            for later in folder.later():
                if later.after == one.digest and later.name != one.digest:
                    folder.keep_later(structs.replace(later, after=UNSET))
                    folder.drop_later(later)
        for one in going:
            gone |= dict.fromkeys(own_files(self.home, one, search.rest))
        gone |= dict.fromkeys(search.left_parts())
        removed = _counted(self.home, {**gone, **{self._work(one.digest): None for one in going}})
        for path in gone:
            remove_file(path)
        self.home.evidence.clean_index()
        return removed

    def _published(self, made: EvidenceCertificate) -> Done:
        raw = codec.encode(made)
        name = f"evidence-{made.day}-{sha256(raw).hexdigest()[:8]}.json"
        target = self.home.path / "certificates" / name
        move_file(self.home.path / WORK / _CERTIFICATE, target)
        return Done(made, target)

    def _left(self) -> list[str]:
        """Return the digests of what is marked as shredded, and still there."""
        is_gone = self.vault.marks.is_shredded()
        left = [path.stem for path in (self.home.path / WORK).glob("0x*.json")]
        return sorted({*left, *(name for name in self._kept() if is_gone(name))})

    def _misplaced(self) -> tuple[list[str], list[str]]:
        """Return what the book restricts and the folders do not, and the reverse."""
        restricted, store = set(self.vault.marks.restrictions()), self.home.evidence
        return sorted(store.digests() & restricted), sorted(store.restricted() - restricted)

    def _follow(self) -> None:
        """Have the folders say what the book says: which evidence is restricted."""
        to_restrict, to_release = self._misplaced()
        for name in to_restrict:
            self.home.evidence.restrict(name)
        for name in to_release:
            self.home.evidence.release(name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self.home.path / WORK
        try:
            make_folder(folder)
            lock = file_lock(folder / "LOCK", 0)
        except TimeoutError:
            raise StorageUnavailable("another process erases evidence of this home", "Let it end.") from None
        except OSError as error:
            raise StorageUnavailable(f"{folder} cannot be locked: {error.strerror}", "Nothing was changed.") from None
        with lock:
            for part in folder.glob(".*.part"):  # what a killed process had half written
                remove_file(part)
            yield

    @contextmanager
    def _held(self, going: Sequence[Going]) -> Iterator[None]:
        """Keep other processes from what they could write again: deliveries, and what waits for its anchor."""
        pending, deliveries = PendingFolder(self.home.path), self.home.deliveries()
        with ExitStack() as stack:
            for one in going:
                if deliveries.find(one.digest) is not None:
                    stack.enter_context(deliveries.holding(one.digest))
                if pending.waits(one.digest):
                    stack.enter_context(pending.holding(one.digest))
            yield

    def _kept(self) -> frozenset[str]:
        return self.home.evidence.digests() | self.home.evidence.restricted()

    def _selected(self, name: str) -> str:
        try:
            found = parse_evidence(self.home.find(name))
        except Malformed as error:
            advice = "What waits for its anchor is given up with `consent evidence drop`."
            raise InvalidInput(f"{name[:80]} is no evidence that could be erased: {error}", advice) from None
        self._check_own(found)
        if (digest := to_hex(found.digest)) not in self._kept():
            raise InvalidInput(f"{digest[:14]} is not kept in this home", "`consent status` lists what is kept.")
        return digest

    def _check_own(self, found: Evidence) -> None:
        if found.kind not in ("Grant", "Refusal"):
            what = f"this is a {found.kind}, and goes with the grants and refusals that it is about"
            raise InvalidInput(what, "Name a grant or a refusal.")
        if found.statement.message.controller in own_keys(self.home):
            raise InvalidInput("this home is the brand's that got it", "A person erases evidence in their own home.")

    def _going(self, digest: str) -> Going:
        path = self._place(digest)
        evidence = parse_own(read_bounded(path, MAX_EVIDENCE), str(path))
        return Going(evidence, acknowledgements_of(self.home, digest))

    def _work(self, digest: str) -> Path:
        return self.home.path / WORK / f"{digest}.json"

    def _place(self, digest: str) -> Path:
        if (work := self._work(digest)).exists():
            return work
        folder = "restricted" if self.home.evidence.is_restricted(digest) else "evidence"
        return self.home.path / folder / f"{digest}.json"


def _answered(one: Going) -> Answered:
    lock = one.message.revocation if isinstance(one.message, Grant) else ""
    return Answered(one.digest, lock, one.capsule)


def _counted(home: Home, files: Collection[Path]) -> tuple[Removed, ...]:
    """Count the files by their folders in the home; evidence that is on its way out counts as evidence."""
    folders = Counter(path.relative_to(home.path).parts[0] for path in files if path.suffix != ".lock")
    folders["evidence"] += folders.pop(WORK, 0)
    return tuple(Removed(name, count) for name, count in sorted(folders.items()) if count)
