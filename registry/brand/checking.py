"""Verify answers again: where the chain's newest blocks changed, and once when they lie deep enough. And expiry."""

from __future__ import annotations

from collections.abc import Sequence
from random import shuffle

from registry.brand.given import without_acceptance
from registry.brand.inbox import SETTLED_BLOCKS, Inbox
from registry.brand.records import STANDING, Answer, Change, Event, EventKind, State
from registry.client.verify import Answer as Judged
from registry.client.verify import read_or_refused, verify_many
from registry.core.errors import CouldNotCheck, Expired, NotAnchored, NotYetValid, Revoked
from registry.core.evidence.file import Evidence, parse_evidence
from registry.core.verify.judge import VerifiedStatement

MOST_AT_ONCE = 500


class Checker:
    """Keeps the states of answers true. One worker at a time may use it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox, self._store = inbox, inbox.store

    def expire(self) -> bool:
        """Tell of the grants whose time is over; tell whether there were any."""
        now = max(self._inbox.network.clock(), self._store.view().head_time)
        over = self._store.expired(now, MOST_AT_ONCE)
        self._store.change([_expired(each) for each in over])
        return bool(over)

    def check(self) -> bool:
        """Verify again what is due, by one reading of the chain; tell whether anything was."""
        view = self._store.view()
        due = self._store.to_check(view.number, MOST_AT_ONCE)
        if not due:
            return False
        # Only some contracts are asked in vain at once. In a new order each time, so that those delay nobody for ever.
        shuffle(due)
        judged = self._judged(due)
        block = max((each.block for each in judged if isinstance(each, VerifiedStatement)), default=view.number)
        now = max(self._inbox.network.clock(), view.head_time)
        self._store.change([_change(each, found, block, now) for each, found in zip(due, judged, strict=True)])
        return True

    def _judged(self, due: Sequence[Answer]) -> list[Judged]:
        every = [read_or_refused(self._inbox.network, each.file) for each in due]
        found = iter(self._inbox.judge([each for each in every if isinstance(each, Evidence)]))
        return [next(found) if isinstance(each, Evidence) else each for each in every]

    def look_for_end(self, answer: Answer) -> None:
        """Read the chain for one answer now, and end it if the chain says so. Every process may call it.

        What is still ahead of the follower ends once: a change applies only in the states that it was made for.
        ``LedgerUnavailable`` where the chain cannot be read.
        """
        (judged,) = verify_many(self._inbox.network, [answer.file], self._inbox.policy)
        if isinstance(judged, CouldNotCheck):
            raise judged
        if isinstance(judged, Revoked):
            # The end lies in this block or below it. Where a reorganisation takes one of them, it is verified again.
            head = self._inbox.network.ledger.head()
            now = max(self._inbox.network.clock(), head.time)
            self._store.change([_over(answer, "Revoked", head.number, now)])


def _expired(answer: Answer) -> Change:
    event = Event(0, EventKind.EXPIRED, answer.digest, answer.subject, answer.expires_at, why="Expired")
    return Change(answer.id, STANDING, State.EXPIRED, (event,), ended_at=answer.expires_at, why="Expired", check_at=0)


def _change(answer: Answer, judged: Judged, block: int, now: int) -> Change:
    if isinstance(judged, VerifiedStatement):
        return _holds(answer, judged)
    if isinstance(judged, CouldNotCheck):
        # Its contract gives no answer. It is asked again at the next block, and all else goes on.
        return Change(answer.id, (answer.state,), answer.state, check_at=block + 1)
    if isinstance(judged, NotAnchored):
        return _not_anchored(answer, block)
    if answer.state is State.ENDED:  # it lies deep enough now
        return Change(answer.id, (State.ENDED,), State.ENDED, check_at=0)
    if isinstance(judged, NotYetValid):
        return Change(answer.id, STANDING, State.LIVE, check_at=0)
    if isinstance(judged, Expired):
        return _expired(answer)
    return _over(answer, type(judged).__name__, block, now)


def _holds(answer: Answer, verified: VerifiedStatement) -> Change:
    """It stands. An end that was told is told to be taken back, and an Acceptance that the chain lost is made anew."""
    told = (Event(0, EventKind.RESTORED, answer.digest, answer.subject, verified.now, verified.block),)
    lost = answer.accepted_at > 0 and verified.acceptance != "verified"
    return Change(
        answer.id,
        (answer.state,),  # so that a commit that is repeated tells nothing twice
        State.LIVE,
        told if answer.ended_at and answer.state in (State.UNSURE, State.ENDED) else (),
        file=without_acceptance(parse_evidence(answer.file)) if lost else None,
        anchored_at=verified.anchored_at,
        seen_block=max(0, verified.block - verified.policy.confirmations),
        ended_at=0,
        why="",
        accepted_at=0 if lost else None,
        # What became unsure is not deep enough yet.
        check_at=0 if answer.state is State.LIVE and not lost else verified.block + SETTLED_BLOCKS,
    )


def _not_anchored(answer: Answer, block: int) -> Change:
    """The chain lost its anchor. Transactions mostly come into another block, so it is looked at again, ever later."""
    event = Event(0, EventKind.REMOVED, answer.digest, answer.subject, answer.anchored_at, block)
    told = () if answer.state is State.WAITING else (event,)
    later = block + max(1, block - answer.seen_block)
    states = (answer.state,)  # so that a commit that is repeated tells nothing twice
    return Change(answer.id, states, State.WAITING, told, anchored_at=0, ended_at=0, why="", check_at=later)


def _over(answer: Answer, why: str, block: int, now: int) -> Change:
    """The node says that it ended. The log may never show that block, so it is verified once more, as a yes is."""
    event = Event(0, EventKind.ENDED, answer.digest, answer.subject, now, block, why)
    told: Sequence[Event] = () if answer.ended_at or answer.state is State.WAITING else (event,)
    states = (*STANDING, State.WAITING)
    return Change(
        answer.id,
        states,
        State.ENDED,
        tuple(told),
        ended_block=block,
        why=why,
        check_at=block + SETTLED_BLOCKS,
        ended_at=answer.ended_at or now,
    )
