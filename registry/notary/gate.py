"""Refuses to promise what the worker could not keep: without funds, at the ceiling of spend, or without the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from registry.http.problems import Problem, busy
from registry.notary.condition import Condition, WorkerNote, promise_time, read_note
from registry.notary.protocols import ChainBook
from registry.notary.settings import NotarySettings

# What may be away for this part of a promise's span, before nothing more is promised.
PART = 4
# The worker writes its note every few seconds, so a shorter silence says nothing.
SILENT_SECONDS = 20
_READ_SECONDS = 1.0
# Endings that no token paid for, and that wait. A block takes 800 of them, and a promise lasts for some blocks.
MOST_FREE_WAITING = 5_000
_RETRY_SECONDS = 60
_ADVICE = "Ask another notary, or anchor and end it by a transaction of your own."


class _Reason(NamedTuple):
    name: str
    detail: str
    at_once: bool = False


_SILENT = _Reason("WorkerSilent", "the notary's worker does not run")
_REASONS: dict[str, _Reason] = {
    Condition.FUNDS: _Reason("OutOfFunds", "the notary's account is out of funds", at_once=True),
    Condition.CEILING: _Reason("CeilingReached", "what the notary may spend in a day is spent", at_once=True),
    Condition.FEES: _Reason("FeesTooHigh", "the chain's fees have been above the notary's limit for too long"),
    Condition.CHAIN: _Reason("LedgerUnavailable", "the notary's chain has been away for too long"),
    Condition.STORE: _Reason("StorageUnavailable", "the notary's content store has been away for too long"),
}


class Gate:
    """Reads the worker's note, at most once a second."""

    def __init__(self, book: ChainBook, settings: NotarySettings, clock: Callable[[], float]) -> None:
        self._book, self._settings, self._clock = book, settings, clock
        self._note: WorkerNote | None = None
        self._read_at = float("-inf")

    async def require_open(self, span: int, needs_store: bool = True) -> None:
        """Raise a 503 that names the reason, where a promise of ``span`` seconds could not be kept.

        Endings need no content store.
        """
        if not 0 <= self._clock() - self._read_at < _READ_SECONDS:
            await run_in_threadpool(self._read)
        self._check(span, needs_store)

    @property
    def free_room(self) -> int:
        """How many endings that no token paid for may wait: as many as can be relayed in time, and paid for."""
        room = None if self._note is None else self._note.free_room
        return MOST_FREE_WAITING if room is None else min(room, MOST_FREE_WAITING)

    @property
    def now(self) -> int:
        """The unix time that promises begin at. The chain judges them, so its time counts where it is ahead."""
        return promise_time(self._clock(), self._note)

    def check(self) -> None:
        """Do the same for the longest span, and read the note now."""
        self._read()
        self._check(self._settings.max_seconds)

    def _read(self) -> None:
        self._note, self._read_at = read_note(self._book.notes()), self._clock()

    def _check(self, span: int, needs_store: bool = True) -> None:
        if problem := refusal(self._note, self._clock(), span, needs_store):
            raise problem


def refusal(note: WorkerNote | None, now: float, span: int, needs_store: bool = True) -> Problem | None:
    """Return why nothing may be promised for ``span`` seconds; None where it may."""
    grace = span / PART
    # A note from the future was written before the clock was set back: a worker that runs has written another since.
    if note is None or abs(now - note.at) > max(grace, SILENT_SECONDS):
        return _problem(_SILENT)
    # A store that is away is the least of troubles: where the note names it, there is no other.
    reason = _REASONS.get(note.state) if needs_store or note.state != Condition.STORE else None
    if reason is not None and (reason.at_once or now - note.since > grace):
        return _problem(reason)
    return None


def _problem(reason: _Reason) -> Problem:
    return busy(reason.name, reason.detail, _ADVICE, _RETRY_SECONDS)
