"""Read what live grants handed over: while "may I?" says yes, and once the reading stands in the log of uses."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

from registry.brand.custody import Custody, required
from registry.brand.desk import Desk
from registry.brand.handed import handed_over
from registry.brand.holding import Holding, Verdict
from registry.brand.quarantine import Quarantine
from registry.brand.records import OVER, Answer, State
from registry.brand.uses import new_use, note_uses
from registry.brand.verdicts import NotTaken, end_of
from registry.client.bundle_records import BundleRecords
from registry.core import codec
from registry.core.errors import CouldNotCheck, InvalidInput, LedgerUnavailable, StorageUnavailable
from registry.core.scalars import format_utc, to_hex, unhex
from registry.core.sealed.files import MAX_OPENED, Budget
from registry.core.sealed.records import FileRef, Record, file_data
from registry.core.uses import Use
from registry.vault.large_files import open_file

# Seconds that a reader waits while the worker looks for blocks in the network's store, and between two looks.
LOOK_SECONDS, _PAUSE = 5.0, 0.05
# Seconds between two looks whether what is being handed out is still allowed.
AGAIN_SECONDS = 1.0
_CHUNK = 64 << 10
_IN_MEMORY = 8 << 20


class Wanted(NamedTuple):
    """What a system of the brand's wants to read, and what for: of one ``grant`` (its digest), or of one ``subject``.

    ``data`` are kinds of data, none for all that is allowed. ``system`` names who reads.
    """

    purpose: str
    grant: bytes = b""
    subject: str = ""
    data: tuple[str, ...] = ()
    system: str = ""


class Part(NamedTuple):
    """What is read of one grant."""

    answer: Answer
    data: tuple[str, ...]
    bundles: tuple[BundleRecords, ...]


class Reader:
    """Reads for the brand's own systems."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._store, self._quarantine = desk, desk.store, Quarantine(desk)

    def records(self, wanted: Wanted) -> Iterator[bytes]:
        """Return the lines of all records, in chunks. The use was noted when this returns.

        `NotTaken` tells why not. ``CouldNotCheck`` where the view of the chain is too old, or data is not there whole.
        """
        parts = self._opened(wanted, self._allowed(wanted))
        note_uses(self._store, [self._use(wanted, part, sum(map(len, part.bundles))) for part in parts])
        self._still(wanted, parts)
        return self._while_allowed(_chunks(line for part in parts for line in _lines(part)), wanted, parts)

    def file(self, wanted: Wanted, record: str) -> Iterator[bytes]:
        """Return the bytes of a record's file, in pieces. Everything else is as for `records`."""
        parts = self._opened(wanted, self._allowed(wanted))
        found = next(((part, file) for part in parts if (file := _file_of(part, record)) is not None), None)
        if found is None:
            raise NotTaken(Verdict(404, {}, "NotFound", "no record of this id has a file", "Read the records first."))
        part, (category, stored) = found
        # Nothing of a sealed file may be used before all of it was checked.
        source = self._opened_file(stored)
        note_uses(self._store, [self._use(wanted, part._replace(data=(category,)), 1)])
        self._still(wanted, parts)
        return self._while_allowed(_pieces(source), wanted, parts)

    # May I? ----------------------------------------------------------------------------------------------------

    def _allowed(self, wanted: Wanted) -> list[tuple[Answer, tuple[str, ...]]]:
        """Return the grants that allow it now, newest first, each with the kinds of data that it allows."""
        view, _ = self._desk.sight.require()
        now = max(self._desk.network.clock(), view.head_time)
        if wanted.grant:
            answer = self._store.by_digest([wanted.grant]).get(wanted.grant)
            return [_checked(answer, wanted, now)]
        standing = self._store.grants_for(unhex(wanted.subject), wanted.purpose)
        some = [(each, _within(each, wanted)) for each in standing if each.not_before <= now < each.expires_at]
        found = [(each, data) for each, data in some if data]
        if any(each.state is State.UNSURE for each, _ in found):
            raise _unsure()
        lacking = set(wanted.data).difference(*(data for _, data in found))
        if not found or lacking:
            name = "DataNotGranted" if standing else "PurposeNotGranted"
            raise _no(403, name, "no live grant of this person allows it", "")
        return found

    def _still(self, wanted: Wanted, parts: Sequence[Part]) -> None:
        """Ask once more: opening takes time, and an end may have come meanwhile."""
        allowed = {answer.id for answer, _ in self._allowed(wanted)}
        if not all(part.answer.id in allowed for part in parts):
            raise _no(410, "Revoked", "the grant ended while its data was opened", str(State.ENDED))

    def _while_allowed(self, pieces: Iterator[bytes], wanted: Wanted, parts: Sequence[Part]) -> Iterator[bytes]:
        """Hand pieces out, and ask again each second: a slow reader may take longer than the grant lives.

        ``ConnectionAbortedError`` cuts the answer off; its reader must use nothing of it.
        """
        asked = time.monotonic()
        for piece in pieces:
            if time.monotonic() - asked >= AGAIN_SECONDS:
                try:
                    self._still(wanted, parts)
                except (NotTaken, CouldNotCheck):
                    raise ConnectionAbortedError("the grant is not known to live any more") from None
                asked = time.monotonic()
            yield piece

    # Opening ---------------------------------------------------------------------------------------------------

    def _opened(self, wanted: Wanted, allowed: Sequence[tuple[Answer, tuple[str, ...]]]) -> list[Part]:
        custody, budget = required(self._desk.custody), Budget(MAX_OPENED)
        handing = [(answer, data) for answer, data in allowed if answer.content]
        parts, streams = list[Part](), set[str]()
        for answer, data in handing:
            if (holding := self._complete(answer)) is None:
                continue
            bundles = self._bundles(custody, answer, holding, data, streams, budget)
            streams.update(each.key.stream for each in bundles)
            parts.append(Part(answer, data, bundles))
        if not parts:
            raise _nothing()
        return parts

    def _bundles(
        self,
        custody: Custody,
        answer: Answer,
        holding: Holding,
        data: Sequence[str],
        without: set[str],
        budget: Budget,
    ) -> tuple[BundleRecords, ...]:
        """Open the bundles of one grant. One that it shares with a newer grant was opened there."""
        get = custody.blocks.get
        try:
            handed = handed_over(answer, holding, custody.identity, get)
            keys = [key for key in handed.newest if key.category in data and key.stream not in without]
            return tuple(BundleRecords(key, handed.capsule.vault_key, get, budget) for key in keys)
        except InvalidInput as error:
            raise NotTaken(Verdict(422, {}, "TooMuch", str(error), "Read fewer kinds of data at once.")) from None

    def _complete(self, answer: Answer) -> Holding | None:
        """Return what is held of a grant, if that is its newest state; else let the worker look for the rest.

        None where nothing is held.
        """
        holding = self._store.holding(answer.id)
        if holding is None or not holding.complete:
            self._look(answer)
            holding = self._store.holding(answer.id)
        if holding is None or not holding.blocks:
            return None
        if not holding.complete:
            raise StorageUnavailable("the newest state of the data is not here whole", "Ask again soon.")
        return holding

    def _look(self, answer: Answer) -> None:
        id, ends = self._quarantine.look(answer.content), time.monotonic() + LOOK_SECONDS
        while self._quarantine.verdict(id) is None and time.monotonic() < ends:
            time.sleep(_PAUSE)

    def _opened_file(self, file: FileRef) -> BinaryIO:
        source = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115  # the answer closes it
        if file.cid is None:
            source.write(file_data(file))
        else:
            open_file(file, required(self._desk.custody).blocks.reader(file.cid), source)
        source.seek(0)
        return source

    def _use(self, wanted: Wanted, part: Part, records: int) -> Use:
        how: dict[str, Any] = {"at": self._desk.network.clock(), "purpose": wanted.purpose, "system": wanted.system}
        return new_use(part.answer.digest, data=part.data, count=records, **how)


def _checked(answer: Answer | None, wanted: Wanted, now: int) -> tuple[Answer, tuple[str, ...]]:
    if answer is None or answer.kind != "Grant":
        raise NotTaken(Verdict(404, {}, "UnknownGrant", "no grant of this digest was taken", "Look at `brand data`."))
    _check_standing(answer, now)
    state = str(answer.state)
    if wanted.purpose not in answer.purposes:
        raise _no(403, "PurposeNotGranted", "the grant does not name this purpose", state)
    if not set(wanted.data) <= set(answer.data):
        raise _no(403, "DataNotGranted", "the grant does not name all of these data", state)
    return answer, _within(answer, wanted)


def _check_standing(answer: Answer, now: int) -> None:
    state = str(answer.state)
    if answer.state in OVER:
        raise _no(410, end_of(answer), f"the grant ended at {format_utc(answer.ended_at)}", state)
    if answer.state is State.UNSURE:
        raise _unsure()
    if now >= answer.expires_at:
        raise _no(410, "Expired", f"the grant ended at {format_utc(answer.expires_at)}", str(State.EXPIRED))
    if answer.state is State.WAITING:
        raise _no(403, "NotAnchored", "the chain does not show the grant", state)
    if now < answer.not_before:
        raise _no(403, "NotYetValid", "the grant has not begun", state)


def _within(answer: Answer, wanted: Wanted) -> tuple[str, ...]:
    return tuple(each for each in answer.data if not wanted.data or each in wanted.data)


def _no(status: int, name: str, detail: str, state: str) -> NotTaken:
    advice = "Use nothing of it. Ask the person for a grant that allows it."
    return NotTaken(Verdict(status, {"state": state} if state else {}, name, detail, advice))


def _unsure() -> LedgerUnavailable:
    return LedgerUnavailable("the chain has just changed, and the grant is being verified again", "Ask again soon.")


def _nothing() -> NotTaken:
    advice = "Wait for the person's software to send it."
    return NotTaken(Verdict(404, {}, "NothingHeld", "nothing of what the grant hands over is here", advice))


def _file_of(part: Part, name: str) -> tuple[str, FileRef] | None:
    for bundle in part.bundles:
        for record in bundle:
            if record.id == name:
                return None if record.file is None else (bundle.key.category, record.file)
    return None


def _lines(part: Part) -> Iterator[bytes]:
    grant = to_hex(part.answer.digest)
    return (_line(grant, record) for bundle in part.bundles for record in bundle)


def _line(grant: str, record: Record) -> bytes:
    told: dict[str, Any] = {"grant": grant, "category": record.category, "id": record.id, "version": record.counter}
    told |= {"schema": record.schema, "time": record.time}
    origin = record.origin.id if record.origin else None
    more = {"source": record.source, "tags": record.tags or None, "body": record.body, "origin": origin}
    told |= {name: value for name, value in more.items() if value is not None}
    if (file := record.file) is not None:
        told["file"] = {name: getattr(file, member) for name, member in _FILE_MEMBERS}
    return codec.encode(told) + b"\n"


_FILE_MEMBERS = (("name", "name"), ("mediaType", "media_type"), ("bytes", "bytes"), ("sha256", "sha256"))


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    some = bytearray()
    for line in lines:
        some += line
        if len(some) >= _CHUNK:
            yield bytes(some)
            some.clear()
    yield bytes(some)


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    with source:
        while piece := source.read(io.DEFAULT_BUFFER_SIZE * 8):
            yield piece
