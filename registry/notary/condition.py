"""How a worker fares, as the note that other processes read: one state, since when, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct, ValidationError, convert

from registry.core.errors import ConsentError

WORKER_NOTE = "worker"


class Condition(StrEnum):
    """The states of a worker, the worst first. Work goes on by itself when a state's cause ends."""

    CHAIN = "chain"  # the node is away, or shows another chain
    FUNDS = "no-funds"  # the account cannot pay
    CEILING = "ceiling"  # the day's money is spent
    FEES = "fees"  # the chain asks for more than max_fee_gwei
    STORE = "store"  # the content store is away, so manifests cannot be pinned
    OK = "ok"


class WorkerNote(Struct, frozen=True):
    """What the worker tells of itself: its state, since when, and when it wrote that (unix seconds).

    ``head_time`` is that of the newest block, which it first saw at ``seen_at``; ``balance`` is the account's wei, and
    ``free_room`` tells how many endings may wait for nothing.
    """

    state: str
    at: int
    since: int = 0
    free_room: int | None = None
    head_time: Annotated[int, Meta(ge=0, lt=2**50)] = 0
    seen_at: int | None = None
    balance: Annotated[str, Meta(pattern=r"\A[0-9]{0,78}\Z")] = ""


class Trouble(NamedTuple):
    """What holds work up. ``advice`` says what the operator can do."""

    state: Condition
    why: str
    advice: str


def trouble(state: Condition, error: ConsentError) -> Trouble:
    """Return the trouble that this error tells of."""
    return Trouble(state, str(error), error.advice)


def worst(troubles: Iterable[Trouble]) -> Trouble:
    """Return the worst of these; the state ``OK`` where there is none."""
    order = list(Condition)
    return min(troubles, key=lambda each: order.index(each.state), default=Trouble(Condition.OK, "", ""))


def note_of(found: Trouble, before: Mapping[str, Any], now: int, **more: Any) -> dict[str, Any]:
    """Return the note: ``state``, ``since``, ``why``, ``advice``, ``at``, and what a worker adds. Times are seconds.

    ``before`` is the note so far; ``since`` stays while the state does, also over a restart. It is
    never in the future: a clock that was set back must not make a trouble seem shorter than it is.
    """
    since = min(before.get("since", now), now) if before.get("state") == found.state else now
    return {"state": str(found.state), "since": since, "why": found.why, "advice": found.advice, "at": now, **more}


def read_note(notes: Mapping[str, Mapping[str, Any]]) -> WorkerNote | None:
    """Return the worker's note; None where no worker has left one."""
    try:
        return convert(notes.get(WORKER_NOTE), WorkerNote)
    except ValidationError:
        return None


def promise_time(clock: float, note: WorkerNote | None) -> int:
    """Return the unix time that promises begin at: the chain's where it is ahead, and this machine's otherwise.

    Between two blocks the chain's time goes on as this machine's does: its next block will be as far ahead.
    """
    if note is None:
        return int(clock)
    lead = 0 if note.seen_at is None else max(0, note.head_time - note.seen_at)
    return max(int(clock) + lead, note.head_time)
